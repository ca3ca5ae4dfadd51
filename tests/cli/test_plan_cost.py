"""Money, time, storage and manifests of ``siotool plan``, as a user and a script see them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

SCHEMA = Path(__file__).parents[2] / "siotool/schemas/plan.json"
PRICES = """\
currency = "USD"
egress_per_gb = 0.05
[shapes.small]
cores = 1
memory = "2GiB"
bandwidth = "50MB/s"
[shapes.large]
cores = 4
memory = "8GiB"
bandwidth = "100MB/s"
connections = "40k"
[shapes.secret]
cores = 8
memory = "8GiB"
bandwidth = "200MB/s"
[prices.small]
per_month = 60
[prices.large]
per_month = 100
"""
PLAN = """\
[workload]
connections = "500k"
consumption_rate = "2KB/s"
[server]
capacity = "100MB/s"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "prices.toml").write_text(PRICES)
    (tmp_path / "plan.toml").write_text(PLAN)
    return tmp_path


def planned(siotool, folder, *arguments):
    done = siotool("plan", "plan.toml", *arguments, "--format", "json", cwd=folder)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert list(Draft202012Validator(json.loads(SCHEMA.read_text())).iter_errors(document)) == []
    return document


def test_without_prices_and_growth_there_is_nothing_to_say_of_them(siotool, folder):
    document = planned(siotool, folder)
    assert [document[key] for key in ("cost", "shapes", "forecast", "storage")] == [None] * 4


def test_the_plans_server_is_priced_as_the_cheapest_shape_that_has_as_much(siotool, folder):
    cost = planned(siotool, folder, "--prices", "prices.toml")["cost"]
    # 1 GB/s over 70 MB/s: 15 servers; 50 MB/s of small are too few
    assert (cost["shape"], cost["servers"], cost["servers_per_month"]) == ("large", 15, 1500)
    # 1 GB/s for 730.5 h, all of it taken as sent
    assert cost["egress_per_month"] == pytest.approx(0.05 * 730.5 * 3600)
    assert cost["per_month"] == pytest.approx(1500 + cost["egress_per_month"])
    assert cost["per_thousand_connections"] == pytest.approx(cost["per_month"] / 500)
    assert cost["unpriced"] == []


@pytest.fixture
def crowded(folder):
    """The large one may hold fewer connections than its network carries."""
    (folder / "prices.toml").write_text(PRICES.replace('"40k"', '"20k"'))
    return folder


def test_a_shape_that_cannot_hold_the_connections_is_not_the_plans_server(siotool, crowded):
    """15 of it were priced, with 33,334 connections each, and a budget for them passed."""
    document = planned(siotool, crowded, "--prices", "prices.toml")
    assert document["cost"] is None
    assert any("room for 33,334 connections" in warning for warning in document["warnings"])
    refused = siotool("plan", "plan.toml", "--prices", "prices.toml", "--max-cost", "9k", cwd=crowded)
    assert refused.returncode == 2
    assert "--shape small" in refused.stderr


@pytest.mark.parametrize("shape", [[], ["--shape", "large"], ["--shape", "small"]])
def test_what_a_shape_leaves_is_what_the_plan_says_and_not_the_named_shapes(siotool, crowded, shape):
    """With --shape large the small one had its 20,000 connections too."""
    rows = planned(siotool, crowded, "--prices", "prices.toml", *shape)["shapes"]["rows"]
    assert {row["shape"]: row["servers_p95"] for row in rows} == {"small": 29, "large": 25}


def test_shapes_are_compared_with_their_own_fleets(siotool, crowded):
    folder = crowded
    compared = planned(siotool, folder, "--prices", "prices.toml")["shapes"]
    rows = {row["shape"]: row for row in compared["rows"]}
    # small: 1 GB/s over 35 MB/s; large may hold 20,000 connections, so 25 of them
    assert (rows["small"]["servers_p95"], rows["large"]["servers_p95"]) == (29, 25)
    assert rows["small"]["per_month"] - rows["large"]["per_month"] == pytest.approx(29 * 60 - 25 * 100)
    assert [row["shape"] for row in compared["rows"]] == ["small", "large"]
    assert compared["without_price"] == ["secret"]


def test_redundancy_is_part_of_the_comparison(siotool, crowded):
    rows = planned(
        siotool,
        crowded,
        *("--prices", "prices.toml"),
        *("--set", "topology.zones=2", "--set", "goals.survive_zone=true"),
    )["shapes"]["rows"]
    assert {row["shape"]: row["servers_p95"] for row in rows} == {"small": 58, "large": 50}
    assert {row["redundancy"] for row in rows} == {"zone loss"}


def test_a_shape_may_be_the_plans_server(siotool, folder):
    document = planned(siotool, folder, "--prices", "prices.toml", "--shape", "small")
    assert document["servers"]["p95"] == document["cost"]["servers"] == 29
    assert document["cost"]["servers_per_month"] == 29 * 60
    assert document["inputs"]["capacity_bytes_per_s"] == 50e6


def test_a_shape_stands_in_for_a_capacity_nobody_gave(siotool, folder):
    done = siotool(
        *("plan", "--connections", "500k", "--consumption-rate", "2KB/s"),
        *("--prices", "prices.toml", "--shape", "small", "--quiet"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert "29 servers" in done.stdout


def test_a_limit_that_a_shape_says_nothing_of_is_kept_and_told(siotool, folder):
    document = planned(
        siotool, folder, "--prices", "prices.toml", "--shape", "small", "--set", "server.connections=10k"
    )
    assert document["servers"]["p95"] == 50
    assert any("server.connections (not in small)" in warning for warning in document["warnings"])


def test_a_server_no_shape_has_is_not_priced_but_shapes_are(siotool, folder):
    big = ("--set", "server.memory=1TB", "--prices", "prices.toml")
    document = planned(siotool, folder, *big)
    assert document["cost"] is None
    assert document["shapes"]["rows"]
    assert any("no shape with a price has" in warning for warning in document["warnings"])
    done = siotool("plan", "plan.toml", *big, "--max-cost", "1M", cwd=folder)
    assert done.returncode == 2
    assert "1 TB of memory" in done.stderr
    assert "--shape small" in done.stderr


@pytest.mark.parametrize(
    ("most", "code"),
    [
        pytest.param("133k", 0, id="as much as allowed"),
        pytest.param("'132k USD/month'", 4, id="more than allowed, with a currency"),
        pytest.param("0", 4, id="nothing allowed"),
    ],
)
def test_gate_on_the_cost(siotool, most, code, folder):
    done = siotool("plan", "plan.toml", "--prices", "prices.toml", "--max-cost", most.strip("'"), cwd=folder)
    assert done.returncode == code
    assert "133,000 USD" in done.stdout or "132,990 USD" in done.stdout
    assert ("gate failed: the fleet costs" in done.stderr) == (code == 4)


def test_both_gates_are_told(siotool, folder):
    done = siotool(
        *("plan", "plan.toml", "--prices", "prices.toml", "--max-cost", "1", "--max-servers", "1"), cwd=folder
    )
    assert done.returncode == 4
    assert done.stderr.count("gate failed: ") == 2


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        pytest.param(["--set", "goals.budget=1"], 4, "the fleet costs", id="a budget in the plan file"),
        pytest.param(["--set", "goals.budget=1", "--max-cost", "1M"], 0, "", id="a flag overrules it"),
        pytest.param(["--set", "goals.max_servers=1"], 4, "1 allowed", id="a fleet in the plan file"),
        pytest.param(["--set", "goals.max_servers=1", "--max-servers", "1k"], 0, "", id="so does this one"),
    ],
)
def test_a_plan_file_has_gates_of_its_own(more, code, said, siotool, folder):
    done = siotool("plan", "plan.toml", "--prices", "prices.toml", *more, cwd=folder)
    assert done.returncode == code, done.stderr
    assert said in done.stderr


def test_a_budget_without_prices_is_said_not_to_be_checked(siotool, folder):
    done = siotool("plan", "plan.toml", "--set", "goals.budget=1", cwd=folder)
    assert done.returncode == 0
    assert done.stderr == "siotool: goals.budget is not checked without --prices FILE\n"


def test_text_fits_80_columns_and_markdown_has_every_section(siotool, folder):
    asked = (
        *("plan", "plan.toml", "--prices", "prices.toml", "--date", "2026-01-31", "--lead-time", "30d"),
        *("--set", "workload.growth=20%..60%", "--set", "storage.kind=relational"),
        *("--set", "storage.offline_users=1M..5M", "--set", "storage.messages=20/d"),
    )
    text = siotool(*asked, cwd=folder)
    assert text.returncode == 0, text.stderr
    assert max(map(len, text.stdout.splitlines())) <= 80
    for said in ("15 × large", "the fleet holds", "PostgreSQL", "USD per 1,000 connections"):
        assert said in text.stdout, said
    md = siotool(*asked, "--format", "md", cwd=folder).stdout
    for title in ("## Cost", "## Shapes", "## Forecast", "## Storage"):
        assert title in md, title
    assert "| --- | ---: | ---: | --- |" in md


def test_the_forecast_names_the_day_on_which_the_fleet_is_too_small(siotool, folder):
    forecast = planned(
        siotool, folder, "--set", "workload.growth=20%", "--date", "2026-01-31", "--lead-time", "30d"
    )["forecast"]
    # 15 servers of 70 MB/s hold 525,000 sessions: ln 1.05 / ln 1.2 of a year
    assert forecast["points"][0]["limit"] == pytest.approx(525_000, rel=1e-4)
    assert forecast["points"][0]["day"] == "2026-01-31"
    assert forecast["runs_out"] == forecast["at_risk"] == "2026-05-09"
    assert forecast["act_by"] == "2026-04-09"


def test_growth_that_was_planned_for_does_not_count_twice(siotool, folder):
    ahead = planned(
        siotool,
        folder,
        *("--set", "workload.growth=20%", "--set", "workload.ahead=365.25d", "--date", "2026-01-31"),
    )
    # sized for 600,000 in a year: 18 servers hold 630,000, which is more than a year away
    assert ahead["servers"]["p95"] == 18
    assert ahead["forecast"]["points"][0]["p50"] == pytest.approx(500_000)
    assert ahead["forecast"]["runs_out"] == "2027-05-09"


def test_without_growth_a_date_asks_for_the_forecast(siotool, folder):
    forecast = planned(siotool, folder, "--date", "2026-01-31")["forecast"]
    assert forecast["runs_out"] is None
    assert forecast["sentences"] == ["Demand does not grow: the fleet stays large enough."]


def test_ranges_make_a_date_with_a_risk(siotool, folder):
    sure, unsure = (
        planned(
            siotool, folder, "--set", f"workload.growth={growth}", "--date", "2026-01-31", "--draws", "2000"
        )
        for growth in ("30%", "10%..30%..90%")
    )
    assert unsure["forecast"]["at_risk"] < unsure["forecast"]["runs_out"]
    assert unsure["forecast"]["at_risk"] < sure["forecast"]["at_risk"]
    shares = [point["short"] for point in unsure["forecast"]["points"]]
    assert shares == sorted(shares)


def test_the_backlog_is_compared_in_both_stores(siotool, folder):
    storage = planned(
        siotool,
        folder,
        *("--set", "storage.offline_users=1M", "--set", "storage.messages=10/d"),
        *("--set", "storage.retention=10d", "--set", "storage.kind=document"),
    )["storage"]
    assert storage["messages"] == pytest.approx(100e6)
    assert (storage["drain_window_s"], storage["copies"]) == (3600, 3)
    assert storage["drain_messages_per_s"] == pytest.approx(100e6 / 3600)
    assert [store["kind"] for store in storage["stores"]] == ["relational", "document"]
    assert [store["chosen"] for store in storage["stores"]] == [False, True]
    for store in storage["stores"]:
        each = store["record_bytes"] + store["index_bytes"] + store["dead_bytes"]
        assert store["all_bytes"] == pytest.approx(3 * 100e6 * each)
        assert store["all_bytes_p95"] == store["all_bytes"]


REFUSED = [
    pytest.param(
        ["--prices", "none.toml"], "cannot read the price file none.toml", "No such", id="dead file"
    ),
    pytest.param(["--max-cost", "5"], "--max-cost needs prices", "--prices FILE", id="a budget, no prices"),
    pytest.param(["--shape", "small"], "--shape needs prices", "--prices FILE", id="a shape, no prices"),
    pytest.param(["--prices", "prices.toml", "--shape", "smal"], "no shape 'smal'", "small", id="a slip"),
    pytest.param(
        ["--prices", "prices.toml", "--shape", "secret"],
        "shapes.secret has no price",
        "per_hour",
        id="no price",
    ),
    pytest.param(
        ["--prices", "prices.toml", "--max-cost", "5 EUR"], "5 EUR", "in USD", id="another currency"
    ),
    pytest.param(["--prices", "plan.toml"], "unknown key workload", "known", id="a plan for a price file"),
    pytest.param(["--date", "31.1.2026"], "--date is '31.1.2026'", "2026-12-31", id="a date of another kind"),
    pytest.param(["--date", "2026-02-30"], "--date is '2026-02-30'", "2026-12-31", id="a day that is none"),
    pytest.param(["--lead-time", "60"], "--lead-time: '60' has no unit", "30s", id="a bare lead time"),
    pytest.param(["--lead-time", "-1d"], "--lead-time is -86400 s", "0 or more", id="a negative lead time"),
    pytest.param(["--format", "hpa"], "--format hpa needs --deployment", "chat", id="nothing to scale"),
    pytest.param(
        ["--format", "keda", "--deployment", "chat"], "keda needs --prometheus", "http://", id="no Prometheus"
    ),
    pytest.param(
        ["--format", "hpa", "--deployment", "Chat!"],
        "'Chat!' is not a Kubernetes name",
        "RFC 1123",
        id="no Kubernetes name",
    ),
    pytest.param(
        ["--set", "storage.kind=document"], "no storage.offline_users", "5M", id="a store of nothing"
    ),
]


@pytest.mark.parametrize(("change", "wrong", "expected"), REFUSED)
def test_refuses_before_anything_is_written(siotool, change, wrong, expected, folder):
    (folder / "out.txt").write_text("an older plan")
    done = siotool("plan", "plan.toml", *change, "-o", "out.txt", cwd=folder)
    assert done.returncode == 2
    assert done.stdout == ""
    assert wrong in done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert (folder / "out.txt").read_text() == "an older plan"


def test_an_autoscaler_gets_the_days_mean_and_the_whole_fleet(siotool, folder):
    done = siotool(
        *("plan", "plan.toml", "--set", "workload.peak_factor=2", "--format", "hpa"),
        *("--deployment", "chat", "--kube-namespace", "live"),
        cwd=folder,
    )
    assert (done.returncode, done.stderr) == (0, "")
    manifest = done.stdout
    # 2 GB/s at the peak and 1 GB/s in the mean, over 70 MB/s a server
    assert re.search(r"^  minReplicas: 15$", manifest, re.MULTILINE)
    assert re.search(r"^  maxReplicas: 29$", manifest, re.MULTILINE)
    assert re.search(r"^  namespace: live$", manifest, re.MULTILINE)
    # 35,000 on each, as 15 hold 525,000 and 29 hold 1,015,000; the autoscaler tolerates a tenth more
    (target,) = re.findall(r'averageValue: "(\d+)"', manifest)
    assert int(target) == pytest.approx(35_000 / 1.1, rel=1e-4)


def test_keda_asks_prometheus(siotool, folder):
    done = siotool(
        *("plan", "plan.toml", "--set", "workload.peak_factor=2", "--format", "keda"),
        *("--deployment", "chat", "--prometheus", "http://prometheus:9090", "-o", "keda.yaml"),
        cwd=folder,
    )
    assert (done.returncode, done.stdout) == (0, "")
    manifest = (folder / "keda.yaml").read_text()
    assert 'serverAddress: "http://prometheus:9090"' in manifest
    assert "maxReplicaCount: 29" in manifest


def test_a_ramp_that_outruns_the_autoscaler_is_told(siotool, folder):
    asked = (
        *("plan", "plan.toml", "--set", "workload.event_factor=3", "--set", "workload.churn=20k/s"),
        *("--format", "hpa", "--deployment", "chat"),
    )
    done = siotool(*asked, cwd=folder)
    assert done.returncode == 0
    assert "outrun the autoscaler" in done.stderr
    assert "outrun" not in done.stdout
    assert siotool(*asked, "--quiet", cwd=folder).stderr == ""


def test_a_fleet_without_a_range_is_nothing_to_scale(siotool, folder):
    done = siotool("plan", "plan.toml", "--format", "hpa", "--deployment", "chat", cwd=folder)
    assert done.returncode == 0
    assert "both 15" in done.stderr
    assert "workload.peak_factor" in done.stderr


def test_a_plan_without_a_fleet_has_no_manifest(siotool, folder):
    (folder / "plan.toml").write_text(
        PLAN
        + """\
connect_cost = "1ms"
accept_rate = "10/s"
[goals]
reconnect_time = "4s"
"""
    )
    done = siotool(
        "plan", "plan.toml", "--format", "hpa", "--deployment", "chat", "-o", "hpa.yaml", cwd=folder
    )
    assert done.returncode == 4
    assert "no number of servers satisfies the plan" in done.stderr
    assert not (folder / "hpa.yaml").exists()


def test_money_and_time_of_single_figures_need_no_numpy(folder):
    arguments = ["plan", "plan.toml", "--prices", "prices.toml", "--set", "workload.growth=30%"]
    code = (
        "import sys\n"
        "from siotool.cli.app import app\n"
        f"app({arguments!r}, standalone_mode=False)\n"
        "print([m for m in ('numpy', 'scipy', 'pandas', 'locust') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("day", "code"),
    [
        pytest.param("9996-11-30", 0, id="36 months and the one after are days"),
        pytest.param("9996-12-01", 2, id="the last of them has no end"),
        pytest.param("9999-12-31", 2, id="the last day that there is"),
    ],
)
def test_a_forecast_ends_before_time_does(siotool, folder, day, code):
    """A date near the last year that a date can have ended as a bug of siotool."""
    growth = ("--set", "workload.growth=20%", "--date", day)
    done = siotool("plan", "plan.toml", *growth, "--draws=100", cwd=folder)
    assert done.returncode == code, done.stderr
    assert ("the 36 months after it are no days" in done.stderr) == (code == 2)
    assert "bug" not in done.stderr
