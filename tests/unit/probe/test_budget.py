import pytest

from ghasi.probe.budget import Budget
from ghasi.probe.errors import BudgetSpent, ProbeError


def test_the_cap_holds() -> None:
    budget = Budget(2, frozenset({"1", "2"}))
    budget.take("1")
    budget.take("2")
    assert (budget.left, budget.spent) == (0, 2)
    with pytest.raises(BudgetSpent):
        budget.take("1")
    assert budget.spent == 2


def test_no_other_number_gets_a_message() -> None:
    budget = Budget(2, frozenset({"1"}))
    with pytest.raises(ProbeError) as caught:
        budget.take("93700000000")
    assert "937" not in str(caught.value)
    assert budget.spent == 0
