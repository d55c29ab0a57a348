"""JetStream as a Dramatiq broker: lanes on one event loop, database work on Dramatiq's threads."""
