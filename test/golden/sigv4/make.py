"""Makes vectors.json: what botocore's SigV4Auth says to remote-write requests of many kinds.

    pip install botocore && python3 make.py > vectors.json

Needed only to make the file anew; the tests read the file.
"""

import base64
import datetime
import hashlib
import json
import random
from unittest import mock

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

HOSTS = [
    ("aps", "eu-west-1", "https://aps-workspaces.eu-west-1.amazonaws.com"),
    ("aps", "us-gov-west-1", "https://vpce-0a1b-x.aps-workspaces.us-gov-west-1.vpce.amazonaws.com"),
    ("execute-api", "ap-southeast-2", "https://abc123.execute-api.ap-southeast-2.amazonaws.com:443"),
    ("monitoring", "cn-north-1", "https://monitoring.cn-north-1.amazonaws.com.cn"),
    ("xray", "us-east-1", "https://xray.us-east-1.amazonaws.com:8443"),
    ("es", "eu-central-1", "http://search-a.eu-central-1.es.amazonaws.com:80"),
]
PATHS = [
    "/workspaces/ws-0a1b2c3d-0000-4000-8000-000000000000/api/v1/remote_write",
    "/api/v1/remote_write",
    "/",
    "/a%20b/%C3%A9/~x/!$&'()*+,;=:@",
    "/double//slash/",
    "/a%2Fb/c%25d",
]
TIMES = ["20240229T235959Z", "20231231T235959Z", "20240101T000000Z", "20260704T010203Z", "20150830T123600Z"]


def vector(n, rng):
    service, region, origin = HOSTS[n % len(HOSTS)]
    path = PATHS[(n // 6 + n) % len(PATHS)]
    query = ["", "", "?b=2&a=1", "?tenant=a%20b&x", "?k=%E1%88%B4&k=~", "?a=1&a=0&A="][(n // 3) % 6]
    body = b"" if n % 7 == 0 else rng.randbytes(rng.choice([1, 63, 64, 65, 1000]))
    token = base64.b64encode(rng.randbytes(60)).decode() if n % 2 else None
    secret = base64.b64encode(rng.randbytes(30)).decode()
    headers = {"Content-Type": "application/x-protobuf"} if n % 5 else {}
    if n % 4 == 0:
        headers["X-Amz-Meta-Note"] = "  a   b  "
    time = TIMES[n % len(TIMES)]
    request = AWSRequest("POST" if body else "GET", origin + path + query, headers=headers, data=body)
    when = datetime.datetime.strptime(time, "%Y%m%dT%H%M%SZ")
    auth = botocore.auth.SigV4Auth(Credentials("AKIDEXAMPLE%d" % n, secret, token), service, region)
    with mock.patch("botocore.auth.get_current_datetime", return_value=when):
        auth.add_auth(request)
    assert request.context["timestamp"] == time
    return {
        "method": request.method,
        "url": origin + path + query,
        "headers": headers,
        "body": base64.b64encode(body).decode(),
        "service": service,
        "region": region,
        "time": time,
        "accessKeyId": "AKIDEXAMPLE%d" % n,
        "secretAccessKey": secret,
        "sessionToken": token,
        "authorization": request.headers["Authorization"],
    }


rng = random.Random(4)
vectors = [vector(n, rng) for n in range(60)]
assert len({v["authorization"] for v in vectors}) == 60 and hashlib.sha256(b"").hexdigest().startswith("e3b0")
print("[\n" + ",\n".join("  " + json.dumps(v) for v in vectors) + "\n]")
