# Python's PyJWT (Debian: python3-jwt), with the exact times that its users write: floating point and all.
import json
import sys
import time

import jwt

given = json.load(sys.stdin)
person = given["person"]
payload = {
    "email": person["email"],
    "first_name": person["first_name"],
    "last_name": person["last_name"],
    "groups": person["groups"],
    "exp": round(time.time()) + (60 * 10),  # 10 minute expiration
}
if given["iat"]:
    payload["iat"] = time.time()
print(jwt.encode(payload, given["secret"], algorithm="HS256"))
