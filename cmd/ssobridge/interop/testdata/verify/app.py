# An app behind ssobridge that believes signed assertions only: pip install 'pyjwt[crypto]'; BRIDGE=http://localhost:3000 PORT=8000 python3 app.py
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import jwt

bridge = os.environ["BRIDGE"]
keys = jwt.PyJWKClient(bridge + "/.well-known/jwks.json")  # keeps them, and reads them again when they change

class App(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            token = self.headers.get("Remote-Assertion", "")
            if jwt.get_unverified_header(token)["typ"] != "assertion+jwt":
                raise jwt.InvalidTokenError("another kind of token")
            key = keys.get_signing_key_from_jwt(token).key
            person = jwt.decode(token, key, algorithms=["ES256"], issuer=bridge, audience=bridge, leeway=5)
            self.answer(200, f"hello {person['email']} of {person['attributes']['department']}")
        except Exception:
            self.answer(401, "no valid assertion")

    def answer(self, status, text):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
