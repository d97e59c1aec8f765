# pip install PyJWT (or apt-get install python3-jwt) && python3 page.py
import os, secrets, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit
import jwt

bridge = os.environ.get("BRIDGE_URL", "http://localhost:3000")
secret = os.environ["SSO_SECRET"]  # the bridge's JWT_SHARED_SECRET
people = {  # stands for your accounts
    "ada@example.com": {"password": "correct horse", "first": "Ada", "last": "Lovelace", "groups": ["research"]},
}
form = b"""<!doctype html><title>Sign in</title><form method="post">
<input name="email" type="email"> <input name="password" type="password"> <button>Sign in</button></form>"""


class Login(BaseHTTPRequestHandler):
    def do_GET(self, status=200):
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(form)))
        self.end_headers()
        self.wfile.write(form)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sent, query = dict(parse_qsl(body)), dict(parse_qsl(urlsplit(self.path).query))
        person = people.get(sent.get("email"))
        if not person or person["password"] != sent.get("password"):
            return self.do_GET(401)

        now = int(time.time())
        claims = {
            "email": sent["email"], "first_name": person["first"], "last_name": person["last"], "groups": person["groups"],
            "iat": now, "exp": now + 60, "jti": secrets.token_urlsafe(), "iss": "my-product", "aud": bridge,
        }
        claims |= {name: query[name] for name in ("nonce", "code_challenge") if name in query}
        back = {name: query[name] for name in ("return_to", "state") if name in query}
        back["jwt"] = jwt.encode(claims, secret, algorithm="HS256")
        self.send_response(303)
        self.send_header("Location", bridge + "/auth/sso?" + urlencode(back))
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 3535))), Login).serve_forever()
