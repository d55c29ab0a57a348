from dataclasses import dataclass
from typing import Any
@dataclass
class Job:
    name: str; every: float; function: Any
def jobs(days): return []
