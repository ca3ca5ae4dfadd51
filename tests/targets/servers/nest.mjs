// A NestJS gateway for each namespace, written without decorators' syntax. See README.md.

import "reflect-metadata";
import { Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import * as websockets from "@nestjs/websockets";
import { print, readOptions, secure, serve, watch } from "./lib/process.mjs";
import { DYNAMIC, EVERY_BYTE, commands, door, onlyFrom, report, reportEngine } from "./lib/vocabulary.mjs";

const { Ack, ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } = websockets;
const [own, options] = readOptions(process.argv[2]);
if (own.origin) options.allowRequest = onlyFrom(own.origin);

// several arguments come as one array
const list = (body) => (Array.isArray(body) ? body : [body]);

/** The vocabulary on one namespace. */
function gateway(namespace, guarded) {
  class Gateway {
    afterInit(server) {
      if (guarded) server.use(door);
    }
    handleConnection(socket) {
      report(socket, own.quiet);
    }
    echo(_socket, body) {
      return body;
    }
    binary(_socket, body) {
      return { args: list(body), bytes: EVERY_BYTE, nested: { list: [Buffer.from([1]), Buffer.from([2, 3])] } };
    }
    broadcast(socket, body) {
      socket.nsp.emit("chat message", ...list(body));
    }
    join(socket, room, acknowledge) {
      socket.join(room);
      acknowledge?.();
    }
    leave(socket, room, acknowledge) {
      socket.leave(room);
      acknowledge?.();
    }
    say(socket, [room, ...args]) {
      socket.nsp.to(room).emit("say", ...args);
    }
    direct(socket, [sid, ...args]) {
      socket.nsp.to(sid).emit("direct", ...args);
    }
    askMe(socket, body, acknowledge) {
      socket.emit("whoami", ...list(body), (...answers) => {
        print("answer", { namespace: socket.nsp.name, sid: socket.id, args: answers });
        acknowledge?.(...answers);
      });
    }
    kick(socket) {
      socket.disconnect();
    }
    kickTransport(socket) {
      socket.conn.close();
    }
  }
  const events = {
    ...{ echo: "echo", binary: "binary", broadcast: "chat message", join: "join", leave: "leave", say: "say" },
    ...{ direct: "direct", askMe: "ask me", kick: "kick", kickTransport: "kick transport" },
  };
  for (const [method, event] of Object.entries(events)) {
    const found = Object.getOwnPropertyDescriptor(Gateway.prototype, method);
    SubscribeMessage(event)(Gateway.prototype, method, found);
    ConnectedSocket()(Gateway.prototype, method, 0);
    MessageBody()(Gateway.prototype, method, 1);
    if (found.value.length === 3) Ack()(Gateway.prototype, method, 2);
  }
  WebSocketServer()(Gateway.prototype, "server");
  WebSocketGateway({ ...options, ...(namespace ? { namespace } : {}) })(Gateway);
  return Gateway;
}

const Root = gateway(undefined, own.login);
class Application {}
Module({ providers: [Root, gateway("chat"), gateway("auth", true), gateway(DYNAMIC)] })(Application);

const app = await NestFactory.create(Application, {
  logger: ["error", "warn"],
  httpsOptions: own.tls && secure(own.tls),
});
await app.init();
const io = app.get(Root).server;
reportEngine(io);
const server = app.getHttpServer();
if (!own.quiet) watch(server);
serve(server, own.port, commands(io));
