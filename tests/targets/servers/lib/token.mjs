// JSON Web Tokens signed with HMAC SHA-256, as a login server would give them out.

import { createHmac, timingSafeEqual } from "node:crypto";

export const SECRET = "a secret of the tests";

/** The claims of a token. Throws an Error whose `data` says what is wrong with it. */
export function verify(token) {
  const [head, body, signature, ...rest] = String(token ?? "").split(".");
  if (!token) throw refusal("a token is missing", "TOKEN_MISSING");
  if (!signature || rest.length) throw refusal("the token is no JWT", "TOKEN_INVALID");
  const expected = createHmac("sha256", SECRET).update(`${head}.${body}`).digest();
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw refusal("the token's signature is wrong", "TOKEN_INVALID");
  }
  const claims = JSON.parse(Buffer.from(body, "base64url"));
  if (claims.exp !== undefined && claims.exp <= Date.now() / 1000) {
    throw refusal("the token has expired", "TOKEN_EXPIRED", { expired_at: claims.exp });
  }
  return claims;
}

/** The token of a Socket.IO handshake: auth payload, query or header. */
export function tokenOf({ auth, query, headers }) {
  return auth?.token ?? query?.token ?? /^Bearer (.+)$/.exec(headers?.authorization ?? "")?.[1];
}

/** A middleware for a namespace: it lets in who has a token. */
export function login(refused) {
  return (socket, next) => {
    try {
      socket.user = verify(tokenOf(socket.handshake)).sub;
      next();
    } catch (error) {
      refused(socket, error);
      next(error);
    }
  };
}

function refusal(message, code, more) {
  return Object.assign(new Error(message), { data: { code, ...more } });
}
