"""Flask-SocketIO with a thread for each client, as its development server runs: see README.md."""

import logging
from collections.abc import Callable
from typing import Any

import flask
import flask_socketio
from lines import headers_of, obey, query_of, read_options, say, say_ready, say_request
from login import login
from socketio.exceptions import ConnectionRefusedError as Refused
from werkzeug.serving import make_server

NESTED = {"list": [b"\x01", b"\x02\x03"]}

own, options = read_options()
path = options.pop("path", "/socket.io/")
app = flask.Flask(__name__)
sio = flask_socketio.SocketIO(app, async_mode="threading", path=path, **options)


def speak(namespace: str) -> None:
    """Speak the vocabulary on a namespace. Flask-SocketIO has no dynamic ones: tests use /dyn-7."""

    def on(event: str) -> Callable[[Any], Any]:
        def add(handler: Callable[..., Any]) -> Callable[..., Any]:
            def seen(*args: Any) -> Any:
                if not own["quiet"]:
                    say("event", namespace=namespace, sid=flask.request.sid, event=event, args=args)
                return handler(*args)

            sio.on(event, namespace=namespace)(seen)
            return handler

        return add

    @sio.on("connect", namespace=namespace)
    def connect(auth: Any = None) -> None:
        environ = flask.request.environ
        user = None
        if namespace == "/auth" or (namespace == "/" and own["login"]):
            try:
                user = login(environ, auth)
            except Refused as error:
                say("refused", namespace=namespace, **error.error_args)
                raise
        query = query_of(environ)
        say(
            "connect",
            namespace=namespace,
            sid=flask.request.sid,
            transport=sio.server.transport(flask.request.sid, namespace),
            eio=int(query["EIO"]),
            query=query,
            headers=headers_of(environ),
            auth=auth,
            user=user,
            recovered=False,
        )

    @sio.on("disconnect", namespace=namespace)
    def disconnect(reason: str) -> None:
        say("disconnect", namespace=namespace, sid=flask.request.sid, reason=reason)

    @on("echo")
    def echo(*args: Any) -> Any:
        return args

    @on("binary")
    def binary(*args: Any) -> Any:
        return {"args": list(args), "bytes": bytes(range(256)), "nested": NESTED}

    @on("chat message")
    def broadcast(*args: Any) -> None:
        sio.emit("chat message", args, namespace=namespace)

    @on("join")
    def join(room: str) -> None:
        flask_socketio.join_room(room)

    @on("leave")
    def leave(room: str) -> None:
        flask_socketio.leave_room(room)

    @on("say")
    def say_to_room(room: str, *args: Any) -> None:
        sio.emit("say", args, room=room, namespace=namespace)

    @on("direct")
    def direct(sid: str, *args: Any) -> None:
        sio.emit("direct", args, to=sid, namespace=namespace)

    @on("ask me")
    def ask_me(*args: Any) -> Any:
        sid = flask.request.sid
        answer = sio.call("whoami", args, to=sid, namespace=namespace)
        say("answer", namespace=namespace, sid=sid, args=[answer])
        return answer

    @on("kick")
    def kick() -> None:
        flask_socketio.disconnect()

    @on("kick transport")
    def kick_transport() -> None:
        server = sio.server
        server.eio.disconnect(server.manager.eio_sid_from_sid(flask.request.sid, namespace))


def do(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Carry out a command."""
    namespace = fields.get("namespace", "/")
    found = [sid for sid, _ in sio.server.manager.get_participants(namespace, None)]
    args = tuple(fields.get("args", ()))
    match name:
        case "emit":
            sio.emit(fields["event"], args, namespace=namespace, room=fields.get("room"))
            return {}
        case "ask":
            asked = [sio.call(fields["event"], args, to=sid, namespace=namespace) for sid in found]
            return {"answers": [[answer] for answer in asked]}
        case "kick":
            for sid in found:
                sio.server.disconnect(sid, namespace=namespace)
            return {"kicked": len(found)}
    raise ValueError(f"no such command: {name}")


def watched(application: Any) -> Any:
    """Print a line for each request of a WSGI application."""

    def see(environ: dict[str, Any], start: Any) -> Any:
        say_request(environ, upgrade="HTTP_UPGRADE" in environ)
        return application(environ, start)

    return see


for each in ("/", "/chat", "/auth", "/dyn-7"):
    speak(each)
if not own["quiet"]:
    app.wsgi_app = watched(app.wsgi_app)  # type: ignore[method-assign]
tls = own["tls"]
server = make_server(
    "127.0.0.1",
    own["port"] or 0,
    app,
    threaded=True,
    ssl_context=(tls["cert"], tls["key"]) if tls else None,
)
server.log_startup = lambda: None  # type: ignore[method-assign]
logging.getLogger("werkzeug").setLevel(logging.WARNING)  # no line for each request
obey(do)
say_ready(server.server_port)
server.serve_forever()
