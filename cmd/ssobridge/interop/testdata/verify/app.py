# An app behind ssobridge that believes signed assertions only: pip install 'pyjwt[crypto]' && BRIDGE_URL=http://localhost:3000 python3 app.py
import os, sys
from wsgiref.simple_server import make_server
import jwt

root = os.environ["BRIDGE_URL"].rstrip("/")  # SITE_URL, letter by letter, and PATH_PREFIX if there is one
bridge = "/".join(root.split("/")[:3])
keys = jwt.PyJWKClient(root + "/.well-known/jwks.json")  # keeps them, and reads them again when they change

def app(request, start):
    try:
        token = request.get("HTTP_REMOTE_ASSERTION", "")
        if jwt.get_unverified_header(token).get("typ") != "assertion+jwt":
            raise jwt.InvalidTokenError("another kind of token")
        who = jwt.decode(token, keys.get_signing_key_from_jwt(token).key, ["ES256", "EdDSA"], issuer=bridge,
                         audience=bridge, leeway=5, options={"require": ["exp", "iss", "aud"]})
    except jwt.PyJWTError as err:
        print(f"{err}; expected the assertion of {bridge}", file=sys.stderr)
        start("401 Unauthorized", [])
        return [b"no valid assertion"]
    start("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"hello {who['name']}, {who['email']}".encode()]

make_server("127.0.0.1", int(os.environ.get("PORT", 8000)), app).serve_forever()
