"""What ``siotool plan`` adds to the count of servers: money, forecast, storage, generators, manifests."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from siotool.cli.plan_options import read_text
from siotool.cli.streams import say
from siotool.errors import InputError
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.middles import middle_of
from siotool.plan.model import Plan
from siotool.plan.money import cost
from siotool.plan.money.prices import PriceFile, read_prices
from siotool.units import parse_duration

#: From asking for a pod to its taking connections: image pulled, process up, probe passed.
POD_START = "60s"


class Extras(msgspec.Struct, frozen=True):
    """The options, read and checked."""

    prices: PriceFile | None
    shape: str | None
    budget: float | None
    start: date
    dated: bool
    lead_time_s: float
    deployment: str | None
    namespace: str
    prometheus: str
    pod_start_s: float
    generators: bool

    def shaped(self, inputs: Inputs) -> Inputs:
        """Return the inputs with the server that ``--shape`` names."""
        if self.prices is None or self.shape is None:
            return inputs
        from siotool.plan.money import pricing as money

        return money.as_shape(inputs, self.prices.shape(self.shape), self.prices.source)

    def within(self, inputs: Inputs, *, quiet: bool) -> "Extras":
        """Return the options with the plan file's own budget, where no flag gave one."""
        figure = inputs.figures.get("goals.budget")
        if figure is None or self.budget is not None:
            return self
        if self.prices is None:
            if not quiet:
                say("goals.budget is not checked without --prices FILE")
            return self
        return msgspec.structs.replace(self, budget=middle_of(inputs, "goals.budget"))

    def complete(self, plan: Plan, inputs: Inputs, plain: Inputs, *, draws: int, seed: int) -> Plan:
        """Return the plan with cost, shapes, forecast, storage and generators, where they are asked for.

        ``plain`` is what the plan says without the server that ``--shape`` names.
        """
        from siotool.plan.growth import outlook
        from siotool.plan.sizing.generators import generators
        from siotool.plan.storage import offline

        if self.prices is not None:
            plan = self._priced(plan, inputs, plain, self.prices, draws, seed)
        forecast = None
        if self.dated or outlook.grows(inputs):
            forecast = outlook.outlook(
                plan, inputs, self.start, lead_time_s=self.lead_time_s, draws=draws, seed=seed
            )
        return msgspec.structs.replace(
            plan,
            forecast=forecast,
            storage=offline.storage(inputs, draws=draws, seed=seed),
            generators=generators(inputs) if self.generators else None,
        )

    def _priced(
        self, plan: Plan, inputs: Inputs, plain: Inputs, prices: PriceFile, draws: int, seed: int
    ) -> Plan:
        from siotool.plan.money import pricing as money

        compared = money.shapes(plan, plain, prices, draws=draws, seed=seed)
        priced = [shape for name, shape in prices.shapes.items() if name in prices.prices]
        plan = msgspec.structs.replace(plan, warnings=plan.warnings + money.kept(plain, priced))
        if self.shape is not None:
            prices.price(self.shape)
            shape = prices.shape(self.shape)
        else:
            try:
                shape = money.shape_of(plan, inputs, prices)
            except InputError as error:
                if self.budget is not None:
                    raise
                said = [*plan.warnings, f"{error.message}: its cost is not known"]
                return msgspec.structs.replace(plan, shapes=compared, warnings=said)
        return msgspec.structs.replace(plan, shapes=compared, cost=money.cost(plan, inputs, prices, shape))

    def failed_gate(self, plan: Plan) -> str | None:
        """Return why the gate on cost fails; None when it holds, or was not asked for."""
        if self.budget is None or plan.cost is None:
            return None
        return cost.over_budget(plan.cost.per_month, self.budget, plan.cost.currency)

    def manifest(self, kind: str, plan: Plan, inputs: Inputs, *, draws: int, seed: int, quiet: bool) -> str:
        """Write the plan for an autoscaler, ``hpa`` or ``keda``; a ramp that outruns it goes to stderr."""
        from siotool.plan.growth import autoscale, exports

        assert self.deployment is not None
        scaling = autoscale.scaling(plan, inputs, self.deployment, self.namespace, draws=draws, seed=seed)
        written = exports.manifest(kind, scaling, self.prometheus)
        warnings = []
        if scaling.min_replicas == scaling.max_replicas:
            warnings.append(
                f"the fewest and the most replicas are both {scaling.max_replicas:,}: there is nothing to "
                "scale unless workload.peak_factor says how far the busiest hour is above the mean"
            )
        warnings.append(autoscale.outrun(inputs, scaling, self.pod_start_s) or "")
        for warning in warnings if not quiet else []:
            if warning:
                say(f"{warning}")
        return written


#: Options of manifests: by name in Python, what stands for not given, and the formats that use it.
_OF_MANIFESTS = (
    ("deployment", None, ("hpa", "keda")),
    ("kube_namespace", "default", ("hpa", "keda")),
    ("pod_start", POD_START, ("hpa", "keda")),
    ("prometheus", None, ("keda",)),
)


def _say_unused(given: Mapping[str, Any], output_format: str) -> None:
    """Say which options of a manifest have no place in the format that is written."""
    for name, absent, formats in _OF_MANIFESTS if not given.get("quiet") else ():
        if output_format not in formats and given.get(name, absent) != absent:
            flag = f"--{name.replace('_', '-')}"
            say(f"{flag} is not used: it goes with --format {' or '.join(formats)}")


def read(given: Mapping[str, Any], output_format: str) -> Extras:
    """Read every option, by its name in Python, before anything is planned. Raises InputError."""
    from siotool.plan.growth.outlook import parse_date

    prices = budget = None
    shape, max_cost, day = given.get("shape"), given.get("max_cost"), given.get("date")
    if given.get("prices") is not None:
        prices = read_prices(read_text(given["prices"], "the price file"), given["prices"])
        if max_cost is not None:
            budget = cost.parse_budget(max_cost, prices.currency, "--max-cost")
        if shape is not None:
            prices.price(shape)
    for flag, value in (("--max-cost", max_cost), ("--shape", shape)):
        if value is not None and prices is None:
            raise InputError(f"{flag} needs prices", "give --prices FILE")
    for name, example, formats in (
        ("deployment", "chat", ("hpa", "keda")),
        ("prometheus", "http://prometheus.monitoring:9090", ("keda",)),
    ):
        if output_format in formats and given.get(name) is None:
            raise InputError(f"--format {output_format} needs --{name}", f"for example --{name} {example}")
    _say_unused(given, output_format)
    lead, pod_start = (
        parse_duration(given.get(name) or default, f"--{name.replace('_', '-')}")
        for name, default in (("lead_time", "0s"), ("pod_start", POD_START))
    )
    for flag, seconds in (("--lead-time", lead), ("--pod-start", pod_start)):
        if seconds < 0:
            raise InputError(f"{flag} is {seconds:g} s; expected 0 or more")
    return Extras(
        prices=prices,
        shape=shape,
        budget=budget,
        start=datetime.now(UTC).date() if day is None else parse_date(day, "--date"),
        dated=day is not None or given.get("lead_time") is not None,
        lead_time_s=lead,
        deployment=given.get("deployment"),
        namespace=given.get("kube_namespace", "default"),
        prometheus=given.get("prometheus") or "",
        pod_start_s=pod_start,
        generators=bool(given.get("generators")),
    )
