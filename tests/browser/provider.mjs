// A sign-in provider for the browser tests: a page to sign in at, a code, and an ID token signed with a key of its own.
import { createServer } from "node:http";
import { createHash, generateKeyPairSync, sign } from "node:crypto";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Opens one; whoever presses its button is ann@example.com. */
export async function startProvider() {
  const codes = new Map();
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, address);
    const json = (value) => response.setHeader("content-type", "application/json").end(JSON.stringify(value));
    if (url.pathname === "/.well-known/openid-configuration") {
      return json({ issuer: address, authorization_endpoint: `${address}/authorize`, token_endpoint: `${address}/token`, jwks_uri: `${address}/keys` });
    }
    if (url.pathname === "/keys") return json({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k1", use: "sig", alg: "RS256" }] });
    if (url.pathname === "/authorize") {
      const asked = Object.fromEntries(url.searchParams), code = `code-${codes.size}`;
      codes.set(code, asked);
      const back = new URL(asked.redirect_uri);
      back.search = new URLSearchParams({ code, state: asked.state });
      return response.setHeader("content-type", "text/html").end(`<!doctype html><title>Acme</title><a href="${back.href.replaceAll("&", "&amp;")}">I am Ann</a>`);
    }
    let body = "";
    for await (const chunk of request) body += chunk;
    const sent = new URLSearchParams(body), asked = codes.get(sent.get("code"));
    codes.delete(sent.get("code"));
    const challenge = createHash("sha256").update(sent.get("code_verifier") ?? "").digest("base64url");
    if (asked?.code_challenge !== challenge) return response.writeHead(400).end();
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: address, aud: asked.client_id, sub: "7", nonce: asked.nonce, iat: now, exp: now + 300, email: "ann@example.com", email_verified: true };
    const message = `${part({ alg: "RS256", kid: "k1" })}.${part(claims)}`;
    return json({ id_token: `${message}.${sign("sha256", Buffer.from(message), privateKey).toString("base64url")}`, token_type: "Bearer", access_token: "x" });
  });
  await new Promise((good) => server.listen(0, "127.0.0.1", good));
  const address = `http://127.0.0.1:${server.address().port}`;
  return { address, stop: () => { server.closeAllConnections(); server.close(); } };
}
