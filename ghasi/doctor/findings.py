"""What the doctor may find, how bad each is and what helps (docs/commands.md, "What doctor finds")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """ERROR: a promise does not hold, or something does not work. WARNING: it will not hold for long, or under a
    fault. NOTE: worth knowing, or it cannot be told; nothing to be woken for."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that may be wrong. `cure` says what to do about it; `unseen`: something was not looked at for want of
    a setting, so that nothing can be said of it."""

    severity: Severity
    cure: str
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """`name` is a key of RULES; `where` names server, stream, operator or file; `evidence` is what was seen, without
    secrets and numbers of subscribers."""

    name: str
    where: str
    evidence: str

    @property
    def severity(self) -> Severity:
        return RULES[self.name].severity

    @property
    def unseen(self) -> bool:
        return RULES[self.name].unseen

    @property
    def cure(self) -> str:
        return RULES[self.name].cure

    def as_json(self) -> Mapping[str, str]:
        return {
            "name": self.name,
            "severity": self.severity.value,
            "where": self.where,
            "evidence": self.evidence,
            "cure": self.cure,
        }


Findings = Iterator[Finding]

_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE

RULES: dict[str, Rule] = {
    # --- settings and files
    "settings.invalid": Rule(_E, "Correct the variable; docs/contract.md §12 says what it takes."),
    "settings.contradiction": Rule(_W, "Change one of the two, so that both can be meant."),
    "settings.test_only": Rule(_E, "Take it out: it is for tests and development and never for production."),
    "files.permissions": Rule(
        _E, "chmod 0400 (or 0440 for the process's group); renew the secret if others could read."
    ),
    # --- NATS
    "nats.unreachable": Rule(_E, "Start NATS or correct NATS_URL, its credentials and TLS files."),
    "nats.no_jetstream": Rule(_E, "Enable jetstream for the server and this account."),
    "nats.permissions": Rule(_E, "Give this user what its role needs: to ask for streams, consumers and buckets."),
    "nats.version": Rule(_W, "Upgrade the servers to 2.12 or later; the tested version is in docs/operations.md."),
    "nats.sync_interval": Rule(
        _E, "Set `sync_interval: always` in the jetstream block: else a power cut loses the last two minutes."
    ),
    "nats.sync_untold": Rule(
        _N,
        "NATS does not tell its clients; give --nats-monitor http://host:8222, or look into nats-server.conf.",
        unseen=True,
    ),
    "nats.not_looked_at": Rule(_N, "Set NATS_URL as the processes have it, and run doctor again.", unseen=True),
    "nats.max_payload": Rule(_E, "Raise max_payload to 1MB: a command may have 256 KiB and half is kept free."),
    "nats.disk": Rule(
        _E, "Set max_file_store below what the disk has free: a full disk leaves JetStream broken until a restart."
    ),
    "nats.store_full": Rule(_W, "Make room: raise max_file_store, or lower the age or size of the event streams."),
    "nats.stream_missing": Rule(
        _E, "Start a gateway or a worker, which make it, or make it as docs/contract.md §1 has it."
    ),
    "nats.stream_conflict": Rule(
        _E, "Change the stream as docs/contract.md §1 has it; processes do not start with it."
    ),
    "nats.stream_drift": Rule(_W, "`nats stream edit` as docs/contract.md §1 has it, or know why it is otherwise."),
    "nats.stream_full": Rule(
        _W, "Raise its bound (`nats stream edit --max-bytes`), or see why nobody takes from it."
    ),
    "nats.replicas": Rule(
        _W, "Set NATS_REPLICAS=3 everywhere and run `manage.py provision`: with one copy, one server is one disk."
    ),
    "nats.stream_unhealthy": Rule(_E, "Bring the named server back; until then writes may stop with the next loss."),
    "nats.consumer_missing": Rule(_W, "Start a worker pool that is assigned the operator; it makes the consumer."),
    "nats.consumer_drift": Rule(
        _E,
        "`nats consumer edit` as docs/contract.md §1 has it, or delete it while the pool is stopped: it is remade.",
    ),
    "nats.unassigned": Rule(_E, "Add the operator to OPERATOR_IDS of gateways and pools, or purge its subject."),
    "nats.bucket_missing": Rule(_W, "Start a gateway, which makes it."),
    "nats.bucket_drift": Rule(
        _E, "Edit the bucket's stream (KV_…) as docs/contract.md §1 has it: leases and sessions stand on its times."
    ),
    # --- PostgreSQL
    "postgres.not_looked_at": Rule(
        _N, "Run doctor with DATABASE_URL, as worker pools and web have it, too.", unseen=True
    ),
    "postgres.unreachable": Rule(_E, "Start PostgreSQL or correct DATABASE_URL."),
    "postgres.version": Rule(_W, "Upgrade to 14 or later; the tested version is in docs/operations.md."),
    "postgres.standby": Rule(_E, "Connect to the primary: add `target_session_attrs=read-write` to DATABASE_URL."),
    "postgres.fsync": Rule(_E, "Set fsync = on: else a crash of the machine may lose everything."),
    "postgres.full_page_writes": Rule(_E, "Set full_page_writes = on, unless the file system writes pages whole."),
    "postgres.synchronous_commit": Rule(
        _E, "Set synchronous_commit = on for server, database and role: rows must be on disk before octets leave."
    ),
    "postgres.async_standby": Rule(
        _W, "Name the standby in synchronous_standby_names: after a failover to this one parts would be sent again."
    ),
    "postgres.autovacuum": Rule(_W, "Set autovacuum = on."),
    "postgres.connections": Rule(_W, "Raise max_connections (or the role's limit), or run fewer threads."),
    "postgres.permissions": Rule(_E, "Grant the role what is named; `migrate` as the owner of the schema does it."),
    "postgres.migrations": Rule(_E, "Run `python manage.py migrate` of this release before its processes."),
    "postgres.partitions": Rule(
        _W, "Run `python manage.py partitions`, and see that a receipts pool lives (upkeep)."
    ),
    # --- Redis
    "redis.not_looked_at": Rule(
        _N, "Run doctor with REDIS_URL, as gateways and worker pools have it, too.", unseen=True
    ),
    "redis.unreachable": Rule(
        _E, "Start Redis or Valkey or correct REDIS_URL; until then limits are shared by count."
    ),
    "redis.version": Rule(_W, "Upgrade to Redis 6.2, Valkey 7 or later."),
    "redis.eviction": Rule(
        _E, "Set maxmemory-policy noeviction: an evicted key lets an operator's limit be exceeded."
    ),
    "redis.memory": Rule(_W, "Raise maxmemory, or give the limits a server of their own."),
    "redis.persistence": Rule(
        _N, 'Nothing in it must survive: `save ""` and appendonly no spare the forks and fsyncs.'
    ),
    "redis.replica": Rule(_E, "Point REDIS_URL at the primary: a replica takes no bookings."),
    "redis.cluster": Rule(_E, "Set REDIS_CLUSTER as the server is: keys of one operator must share a slot."),
    # --- clocks
    "clocks.skew": Rule(_W, "Run NTP or chrony on every machine named."),
    "clocks.skew_large": Rule(
        _E, "Run NTP or chrony on every machine named: expiry, receipts and audit go by these clocks."
    ),
    # --- processes
    "gateways.none": Rule(_E, "Start a gateway with the operator in OPERATOR_IDS."),
    "gateways.no_lease": Rule(_E, "Restart that replica, or see why it does not reach NATS; its binds end in 9 s."),
    "gateways.sole": Rule(
        _E, "Take GATEWAY_SOLE=1 from all of them: with it replicas do not respect each other's slots."
    ),
    "gateways.operators": Rule(
        _N, "Give all gateways the same OPERATOR_IDS, unless they are meant to share them out."
    ),
    "workers.none": Rule(_E, "Start the pool: nobody does its work."),
    "workers.operators": Rule(_W, "Give gateways and both pools the same OPERATOR_IDS."),
    "processes.versions": Rule(_W, "Finish the upgrade: workers first, then gateways, one after the other."),
    # --- operators
    "operators.not_looked_at": Rule(
        _N, "Run doctor with OPERATOR_IDS and what gateways are told of the credentials, too.", unseen=True
    ),
    "operators.credentials": Rule(_E, "See what operator management says of the operator; token, URL and its entry."),
    "operators.unreachable": Rule(_E, "Ask whether the address is right and our address is allowed; look at routes."),
    "operators.not_bound": Rule(
        _W, "See the reason; `bind` if somebody unbound it, else docs/operations.md, Operator unbound."
    ),
    "operators.unwanted": Rule(_N, "`bind` when it shall carry traffic again; until then its commands wait."),
    "operators.unserved": Rule(
        _N, "Assign the operator to the processes; if nobody means it, `nats kv del smpp_wanted` with its id."
    ),
    "operators.profile": Rule(
        _W, "See `profiles` and docs/profiles.md: it follows another profile than was asked for."
    ),
    # --- certificates
    "tls.expired": Rule(_E, "Renew it now: connections are refused."),
    "tls.expiring": Rule(_W, "Renew it before that day."),
    "tls.untrusted": Rule(_E, "Give the right CA, or have the peer show a certificate for its name."),
    "tls.plain": Rule(_W, "Use TLS: secrets and numbers cross a network in the clear."),
    # --- the doctor itself
    "doctor.failed": Rule(_E, "A check could not be made; correct what it names first and run doctor again."),
}
