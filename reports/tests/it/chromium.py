"""A tab of a real Chromium that is driven by its own protocol (Chrome DevTools Protocol). No network is used."""
import contextlib
import functools
import http.server
import json
import pathlib
import subprocess
import tempfile
import threading
import time
import urllib.request

import websocket


@contextlib.contextmanager
def served(folder, policy):
    """The address of a server on this machine that sends the files of a folder with a content security policy."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def end_headers(self):
            self.send_header("Content-Security-Policy", policy)
            super().end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Browser:
    """One tab."""

    def __init__(self, chromium, folder):
        self.folder = folder
        self.profile = tempfile.TemporaryDirectory()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0"]
        self.process = subprocess.Popen(
            [chromium, *options, "--remote-allow-origins=*", f"--user-data-dir={self.profile.name}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port_file = pathlib.Path(self.profile.name) / "DevToolsActivePort"
        deadline = time.time() + 60
        while not (port_file.exists() and port_file.read_text().strip()):
            assert time.time() < deadline and self.process.poll() is None, "Chromium did not start"
            time.sleep(0.1)
        port = port_file.read_text().splitlines()[0]
        tabs = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json"))
        address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        self.socket = websocket.create_connection(address, timeout=120)
        self.number = 0
        self.errors, self.requests = [], []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            kind, told = message.get("method"), message.get("params", {})
            if kind == "Runtime.exceptionThrown":
                self.errors.append(told["exceptionDetails"].get("exception", {}).get("description", told))
            elif kind == "Log.entryAdded" and told["entry"]["level"] == "error":
                self.errors.append(told["entry"]["text"])
            elif kind == "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            if message.get("id") == self.number:
                assert "error" not in message, message
                return message["result"]

    def js(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, (expression, answer["exceptionDetails"])
        return answer["result"].get("value")

    def until(self, expression):
        deadline = time.time() + 60
        while not self.js(expression):
            assert time.time() < deadline, expression
            time.sleep(0.05)

    def open(self, name, width=1440, height=900):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=(self.folder / name.split("#")[0]).as_uri() + name[len(name.split("#")[0]):])
        self.until("location.href !== 'about:blank' && document.readyState === 'complete'")
        self.settle()

    def settle(self):
        """Two frames, and what the observer of parts does after them."""
        self.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 60))))")

    def key(self, key):
        codes = {"ArrowDown": 40, "ArrowUp": 38, "End": 35, "Home": 36, "Enter": 13, "Escape": 27, "PageDown": 34}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key])
        self.settle()

    def click(self, selector):
        self.js(f"document.querySelector({json.dumps(selector)}).click()")
        self.settle()

    def box(self, selector):
        return self.js(
            f"(() => {{ const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
            " return {left: box.left, top: box.top, right: box.right, bottom: box.bottom}; })()")
