# pip install PyJWT (or apt-get install python3-jwt) && python3 logout.py ada@example.com
import os, secrets, sys, time
from urllib.parse import urlencode
from urllib.request import urlopen
import jwt

bridge = os.environ.get("BRIDGE_URL", "http://localhost:3000")
secret = os.environ["SSO_SECRET"]  # the bridge's JWT_SHARED_SECRET


def sign_out(sub):
    """Call this when somebody signs out of your product, or loses the account there. It raises HTTPError if it fails."""
    now = int(time.time())
    claims = {
        "iat": now, "exp": now + 120, "jti": secrets.token_urlsafe(), "iss": "my-product", "aud": bridge, "sub": sub,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }
    token = jwt.encode(claims, secret, algorithm="HS256", headers={"typ": "logout+jwt"})
    urlopen(bridge + "/auth/sso/backchannel-logout", data=urlencode({"logout_token": token}).encode(), timeout=5).close()


sign_out(sys.argv[1])
