# An app that answers a request before it has read it: the headers at once, the body 4 to 40 ms later. It speaks HTTP/1.0, as
# http.server does by itself: the end of the connection is the end of the answer.
import http.server
import os
import random
import time


class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        size = self.size()
        time.sleep(random.uniform(0.004, 0.040))
        self.wfile.write(b"data: begun\n\n")
        self.wfile.write(b"data: %d bytes came\n\n" % size)

    def size(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return len(self.rfile.read(int(self.headers["Content-Length"])))
        total = 0
        while size := int(self.rfile.readline(), 16):
            total += len(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return total

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


Server(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
