"""Metrics of a server: which are read, by which names, in which units, and text that is none."""

import gzip
import math
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from siotool.errors import InputError
from siotool.swarm.servers.metric_figures import BY_FIGURE, Expression, expression, overridden
from siotool.swarm.servers.metrics_fetch import MOST_BYTES, MetricsFetch
from siotool.swarm.servers.metrics_text import names_of, read_page
from siotool.swarm.servers.server_metrics import ServerMetrics
from siotool.swarm.servers.source import SourceGone
from siotool.swarm.servers.track import Track

NODE = """# HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 12.5
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 64000000
# TYPE process_open_fds gauge
process_open_fds 30
process_max_fds 1024
# TYPE nodejs_eventloop_lag_p99_seconds gauge
nodejs_eventloop_lag_p99_seconds 0.012
# TYPE socket_io_connected gauge
socket_io_connected 7
# TYPE socket_io_events_received_total counter
socket_io_events_received_total{event="echo"} 5
socket_io_events_received_total{event="say"} 10
"""


# ── expressions ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param("my_cpu_seconds_total", Expression("my_cpu_seconds_total"), id="a name"),
        pytest.param(
            'my_cpu_total{pod="a",zone!="b"}',
            Expression("my_cpu_total", (("pod", True, "a"), ("zone", False, "b"))),
            id="labels",
        ),
        pytest.param('x{a="1,2}"}', Expression("x", (("a", True, "1,2}"),)), id="a label of any characters"),
        pytest.param('x{a="say \\"hi\\""}', Expression("x", (("a", True, 'say "hi"'),)), id="a quoted quote"),
        pytest.param("max(x)", Expression("x", joining="max"), id="the largest of several series"),
        pytest.param("cpu_milliseconds", Expression("cpu_milliseconds", scale=1e-3), id="its own unit"),
        pytest.param("cpu_percent", Expression("cpu_percent", scale=0.01), id="a share of a core"),
    ],
)
def test_an_expression_is_a_metric_with_labels(text, read):
    assert expression(BY_FIGURE["cpu"], text) == read


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("cpu", "'cpu' is no figure", id="no expression"),
        pytest.param("speed=x", "'speed' is no figure", id="no figure of a server"),
        pytest.param("cpu=a b", "not a metric's name", id="two words"),
        pytest.param("cpu=sum(x", "not a metric's name", id="an open bracket"),
        pytest.param('cpu=x{pod=~"a.*"}', "cannot read the labels", id="a regular expression"),
        pytest.param("cpu=rate(x[5m])", "not a metric's name", id="PromQL"),
        pytest.param("memory=app_seconds", "ends in seconds, and memory is bytes", id="another unit"),
        pytest.param("connections=x_bytes", "connections is a count", id="a unit for a count"),
    ],
)
def test_what_is_no_expression_is_refused(text, words):
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        overridden([text])


def test_a_figure_is_named_once():
    with pytest.raises(InputError, match="--metric cpu is given twice"):
        overridden(["cpu=a", "cpu=b"])


# ── text ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "values", "unreadable"),
    [
        pytest.param("x 1\n", [1.0], 0, id="a sample"),
        pytest.param('x{a="b"} 1 1700000000000\n', [1.0], 0, id="with labels and a time"),
        pytest.param("x 1", [1.0], 0, id="without a last line end"),
        pytest.param("x 1\r\n", [1.0], 0, id="with the line ends of Windows"),
        pytest.param("x NaN\nx +Inf\nx -Inf\n", [], 0, id="no number"),
        pytest.param("x -1\nx 1e300\n", [], 0, id="no figure of a server"),
        pytest.param('x{a="b} 1\nx{ 1\nx\nx one\n', [], 3, id="lines that are none"),
        pytest.param("xx 1\nx_total 2\n", [], 0, id="names that begin alike"),
        pytest.param("{}\x00\xff\nx 3\n" + "(" * 10_000, [3.0], 0, id="bytes that are no text"),
        pytest.param('x{a="' + "b" * 100_000 + '"} 1\n', [1.0], 0, id="a very long label"),
        pytest.param("<html>not metrics</html>", [], 0, id="a page for people"),
        pytest.param("", [], 0, id="nothing"),
    ],
)
def test_only_samples_of_the_wanted_metrics_are_read(text, values, unreadable):
    page = read_page(text, {"x"})
    assert [sample.value for sample in page.samples.get("x", [])] == values
    assert page.unreadable == unreadable


def test_a_million_lines_of_other_metrics_are_passed_over():
    text = 'other_metric{a="b"} 1\n' * 100_000 + "x 1\n"
    assert len(read_page(text, {"x"}).samples["x"]) == 1
    assert names_of(text) == ["other_metric", "x"]


@pytest.mark.parametrize(
    ("types", "name", "grows"),
    [
        pytest.param("# TYPE x counter\n", "x", True, id="by its type"),
        pytest.param("# TYPE x counter\n", "x_total", True, id="by the type of its family"),
        pytest.param("", "x_total", True, id="by its name"),
        pytest.param("# TYPE x_total gauge\n", "x_total", False, id="a gauge with a counter's name"),
        pytest.param("", "x", False, id="nothing says so"),
    ],
)
def test_a_counter_is_known_by_its_type_or_its_name(types, name, grows):
    assert read_page(types, {name}).grows(name) is grows


# ── a page by HTTP ────────────────────────────────────────────────────────────────────


@pytest.fixture
def pages():
    """An HTTP server that answers with what a test sets: ``pages.text``, or ``pages.answer(handler)``."""
    state = SimpleNamespace(text=NODE, answer=None, asked=[])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            state.asked.append((self.path, self.headers.get("Authorization"), self.client_address[1]))
            if state.answer is not None:
                state.answer(self)
                return
            body = state.text.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/metrics"
    state.opened = []
    yield state
    for fetch in state.opened:
        fetch.close()
    server.shutdown()
    thread.join()
    server.server_close()


def read(pages, **asked):
    fetch = MetricsFetch(pages.url, None)
    pages.opened.append(fetch)
    found = ServerMetrics(fetch, overridden([f"{name}={text}" for name, text in asked.items()]))
    found.read(lambda: 0.0)
    return found


def test_the_metrics_of_node_are_a_servers_figures(pages):
    found = read(pages)
    pages.text = NODE.replace("12.5", "13.25").replace('"say"} 10', '"say"} 14')
    reading = found.read(lambda: 5.0)
    assert (reading.at, reading.counters) == (5.0, {"cpu_s": 0.75, "events_received": 4.0})
    assert reading.gauges == {
        "rss_bytes": 64e6,
        "files_open": 30.0,
        "loop_lag_s": 0.012,
        "connections": 7.0,
    }
    assert found.files_limit == 1024
    assert found.lacks == ["event-loop utilization", "events sent"]
    assert "CPU (process_cpu_seconds_total)" in found.shows
    assert found.host == "localhost"


def test_one_connection_serves_all_pages_and_carries_the_password(pages):
    pages.url = pages.url.replace("http://", "http://me:se%20cret@") + "?token=hidden"
    found = read(pages)
    assert found.what.endswith("/metrics?***")
    assert "//***@127.0.0.1" in found.what
    assert {asked[:2] for asked in pages.asked} == {("/metrics?token=hidden", "Basic bWU6c2UgY3JldA==")}
    assert len({asked[2] for asked in pages.asked}) == 1


def test_a_restart_begins_a_counter_again_and_takes_nothing_back(pages):
    found = read(pages)
    pages.text = NODE.replace("12.5", "0.5")
    assert found.read(lambda: 0.0).counters["cpu_s"] == 0.5
    pages.text = NODE.replace("12.5", "0.75")
    assert found.read(lambda: 0.0).counters["cpu_s"] == 0.75


def test_a_counter_that_a_page_lacks_is_no_sample_and_goes_on_where_it_was(pages):
    """It was taken for 0, and once it was back its whole life was the CPU of one second."""
    found = read(pages)
    pages.text = NODE.replace("process_cpu_seconds_total 12.5\n", "")
    pages.text = pages.text.replace("# TYPE process_cpu_seconds_total counter\n", "")
    assert set(found.read(lambda: 1.0).counters) == {"events_received"}
    pages.text = NODE.replace("12.5", "13.5")
    assert found.read(lambda: 2.0).counters["cpu_s"] == 1.0


def test_a_page_without_any_of_its_metrics_is_gone(pages):
    pages.text = "process_cpu_seconds_total 12.5\n"
    found = read(pages)
    pages.text = "other_metric 1\n"
    with pytest.raises(SourceGone, match="no longer there"):
        found.read(lambda: 1.0)


def page_of_workers(*cpu_s):
    return f"process_cpu_seconds_total {sum(cpu_s)}\n"


def test_a_sum_of_workers_that_falls_as_one_ends_is_no_cpu(pages):
    """A page adds up its workers: the CPU of all that were left was taken for that of one second."""
    pages.text = page_of_workers(100, 100)
    found = read(pages)
    track = Track()
    for second, workers in enumerate([(100.5, 100.5), (101, 101), (101.5,), (102,), (102.5,)], 1):
        pages.text = page_of_workers(*workers)
        track.add(found.read(lambda at=second: float(at)))
    assert [track.rates(at, at + 1.0).get("cpu_s") for at in (1.0, 2.0, 3.0, 4.0)] == [1.0, None, None, 0.5]


def test_no_server_takes_more_cpu_than_its_machine_has(pages):
    found = read(pages)
    pages.text = NODE.replace("12.5", str(12.5 + 3 * (os.cpu_count() or 1)))
    assert math.isnan(found.read(lambda: 1.0).counters["cpu_s"])
    pages.text = NODE.replace("12.5", str(13.0 + 3 * (os.cpu_count() or 1)))
    assert found.read(lambda: 2.0).counters["cpu_s"] == 0.5


@pytest.mark.parametrize(("joining", "grown"), [("max", 0.75), ("min", 0.25), ("avg", 0.5), ("sum", 1.0)])
def test_series_of_a_counter_are_joined_as_it_is_asked_for(pages, joining, grown):
    """They were added up whatever was asked for."""
    series = 'process_cpu_seconds_total{{pod="a"}} {}\nprocess_cpu_seconds_total{{pod="b"}} {}\n'
    pages.text = series.format(7, 50)
    found = read(pages, cpu=f"{joining}(process_cpu_seconds_total)")
    pages.text = series.format(7.75, 50.25)
    assert found.read(lambda: 1.0).counters["cpu_s"] == grown
    pages.text = series.format(8.0, 51.0)
    assert found.read(lambda: 2.0).counters["cpu_s"] == 2 * grown


def test_a_counter_without_a_sample_yet_counts_from_its_first_event(pages):
    """A labelled counter has no sample before the first event: it was left out for the whole run."""
    name = "socket_io_events_sent_total"
    pages.text = NODE + f"# TYPE {name} counter\n"
    found = read(pages)
    pages.text += f'{name}{{event="echo"}} 5\n'
    assert found.read(lambda: 0.0).counters["events_sent"] == 5.0


def test_several_series_are_joined_as_their_figure_wants(pages):
    pages.text = (
        'process_cpu_seconds_total{pod="a"} 1\nprocess_cpu_seconds_total{pod="b"} 2\n'
        'nodejs_eventloop_utilization{pod="a"} 0.2\nnodejs_eventloop_utilization{pod="b"} 0.6\n'
        'nodejs_eventloop_lag_seconds{pod="a"} 0.1\nnodejs_eventloop_lag_seconds{pod="b"} 0.3\n'
    )
    assert read(pages).read(lambda: 0.0).gauges == {"loop_utilization": 0.4, "loop_lag_s": 0.3}
    one = read(pages, cpu='process_cpu_seconds_total{pod="a"}')
    pages.text = pages.text.replace('{pod="a"} 1', '{pod="a"} 4').replace('{pod="b"} 2', '{pod="b"} 90')
    assert one.read(lambda: 5.0).counters == {"cpu_s": 3.0}


def test_names_that_differ_are_named_with_their_units(pages):
    pages.text = "app_cpu_ms_total 5000\napp_rss_megabytes 64\napp_load_percent 150\n"
    found = read(pages, cpu="app_cpu_ms_total", memory="app_rss_megabytes")
    pages.text = pages.text.replace("5000", "5750")
    reading = found.read(lambda: 0.0)
    assert (reading.counters, reading.gauges) == ({"cpu_s": 0.75}, {"rss_bytes": 64e6})
    assert read(pages, cpu="app_load_percent").read(lambda: 0.0).gauges == {"cpu_cores": 1.5}


def test_the_event_loop_time_of_opentelemetry_is_read(pages):
    name = "nodejs_eventloop_time_seconds_total"
    pages.text = f'{name}{{nodejs_eventloop_state="active"}} 5\n{name}{{nodejs_eventloop_state="idle"}} 50\n'
    found = read(pages)
    assert found.read(lambda: 0.0).counters == {"loop_active_s": 0.0, "loop_idle_s": 0.0}
    assert "event-loop utilization" not in found.lacks


@pytest.mark.parametrize(
    ("text", "asked", "words"),
    [
        pytest.param("", {}, "no metrics in the answer", id="an empty page"),
        pytest.param("<html>hello</html>", {}, "no metrics in the answer", id="a page for people"),
        pytest.param("go_threads 5\nup 1\n", {}, "none of the 2 metrics there is known", id="other metrics"),
        pytest.param(NODE, {"cpu": "proces_cpu"}, "there is no proces_cpu", id="a metric that is not there"),
        pytest.param(
            NODE,
            {"cpu": 'process_cpu_seconds_total{pod="z"}'},
            'no sample .* has pod="z"',
            id="no such label",
        ),
        pytest.param("process_cpu_seconds_total NaN\n", {}, "none of the 1 metrics", id="no value"),
    ],
)
def test_a_page_without_what_is_wanted_is_refused_at_the_start(pages, text, asked, words):
    pages.text = text
    with pytest.raises(InputError, match=words):
        read(pages, **asked)


def test_a_name_that_is_not_there_comes_with_those_like_it(pages):
    with pytest.raises(InputError) as caught:
        read(pages, cpu="process_cpu_second_total")
    assert "process_cpu_seconds_total" in str(caught.value.hint)


def send(status, body=b"", **headers):
    def answer(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x 1\n" * 100_000)


def silent(handler):
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(send(404), "HTTP 404", id="not there"),
        pytest.param(send(401), "HTTP 401", id="not allowed"),
        pytest.param(
            send(302, Location="http://me:pw@other/x?token=1"),
            r"HTTP 302, to http://\*\*\*@other/x\?\*\*\*: give that URL",
            id="a redirect",
        ),
        pytest.param(send(302, Location="/m?a=b"), "HTTP 302, to /m: give", id="a redirect on the host"),
        pytest.param(send(200, b"x", Content_Encoding="br"), "encoding 'br'", id="an unknown encoding"),
        pytest.param(send(200, b"x 1", Content_Encoding="gzip"), "error", id="no gzip"),
        pytest.param(send(200, gzip.compress(b"x 1")[:9], Content_Encoding="gzip"), "cut", id="half a gzip"),
        pytest.param(
            send(200, gzip.compress(b"x 1\n" * (MOST_BYTES // 2)), Content_Encoding="gzip"),
            "more than 8 MiB",
            id="a gzip bomb",
        ),
        pytest.param(endless, "more than 8 MiB", id="without an end"),
        pytest.param(silent, "no HTTP answer", id="no answer"),
    ],
)
def test_an_answer_that_is_no_page_is_said_and_not_followed(pages, answer, words):
    pages.answer = answer
    with pytest.raises(SourceGone, match=words):
        MetricsFetch(pages.url, None).get(5.0)


def test_a_page_may_be_packed(pages):
    pages.answer = send(200, gzip.compress(NODE.encode()), Content_Encoding="gzip")
    pages.opened.append(MetricsFetch(pages.url, None))
    assert pages.opened[0].get(5.0) == NODE


def test_nobody_at_the_url_is_refused_at_the_start(pages):
    fetch = MetricsFetch("http://127.0.0.1:1/metrics", None)
    with pytest.raises(InputError, match=r"no metrics from .*: Connection refused"):
        ServerMetrics(fetch, {})


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://[::1]/metrics", ("::1", 80)),
        ("http://[fe80::12]/", ("fe80::12", 80)),
        ("https://[::1]", ("::1", 443)),
        ("http://[::1]:9100/metrics", ("::1", 9100)),
        ("http://host/metrics", ("host", 80)),
    ],
)
def test_an_address_of_ipv6_without_a_port_is_asked_at_the_usual_one(url, place, monkeypatch):
    """Its last part was taken for the port."""
    asked = []

    def connect(where, *_more):
        asked.append(where)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(SourceGone):
        MetricsFetch(url, None).get(5.0)
    assert asked == [place]


@pytest.mark.parametrize(
    ("figure", "name", "scale"),
    [
        ("memory", "heap_gigabytes", 1e9),
        ("memory", "heap_gb", 1e9),
        ("memory", "heap_gib", 2.0**30),
        ("memory", "heap_mebibytes", 2.0**20),
        ("cpu", "pod_cpu_cores", 1.0),
        ("cpu", "pod_cpu_millicores", 1e-3),
        ("cpu", "busy_minutes_total", 60.0),
    ],
)
def test_units_that_a_name_ends_in_are_no_si_units(figure, name, scale):
    """1.5 GB were 1.5 bytes, and 250 millicores 250 cores."""
    assert expression(BY_FIGURE[figure], name).scale == scale
