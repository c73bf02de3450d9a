#!/usr/bin/env python3
"""Runs web-platform-tests in an installed Chromium, over its debugging pipe, and writes a wptreport.

    python wpt/chromium/run.py --adapter target/release/longhaul-wpt --wpt DIR --log-wptreport FILE [--jobs N] PATH…

The adapter names the tests and serves them, so both browsers run the same tests from the same server. Each test has a
browser and a profile of its own. Only the standard library is needed.
"""

import argparse
import base64
import concurrent.futures
import fcntl
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CHILD = os.path.join(HERE, "..", "src", "child")
GRACE = 5

# Host names are found here, as in the adapter; there is one that must not exist.
HOSTS = ", ".join(
    [
        "MAP nonexistent.web-platform.test ~NOTFOUND",
        *(f"MAP {star}{host} 127.0.0.1" for host in ("web-platform.test", "not-web-platform.test") for star in ("", "*.")),
    ]
)

# What the adapter's own bootstrap gives to pages, with the debugger's binding as the way out.
BOOTSTRAP = """
(() => {
  if (globalThis.longhaulBinding === undefined) return;
  const post = globalThis.longhaulBinding;
  const { JSON: { stringify }, Promise, Error } = globalThis;
  const commands = {};
  let last = 0;
  const host = {
    settings: { timeoutMultiplier: SETTINGS },
    complete: (results) => { if (window === top && opener === null) post(stringify({ kind: 'results', results })); },
    command: (name, parameters = {}, element = null) => new Promise((resolve, reject) => {
      last += 1;
      commands[last] = { resolve, reject };
      if (element !== null) {
        element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
        const { left, top, width, height } = element.getBoundingClientRect();
        parameters = { x: left + width / 2, y: top + height / 2 };
      }
      post(stringify({ kind: 'command', number: last, name, parameters }));
    }),
    answer: (number, worked, answer) => {
      if (worked) commands[number].resolve(answer);
      else commands[number].reject(new Error(answer));
    },
  };
  Object.defineProperty(globalThis, 'longhaulTestHost', { value: host });
})()
"""


class Ended(Exception):
    """The browser is gone."""


class Browser:
    """A Chromium with a fresh profile; its debugging protocol's messages end with a NUL on descriptors 3 and 4."""

    def __init__(self, binary, arguments):
        self.profile = tempfile.TemporaryDirectory(prefix="chromium-wpt", ignore_cleanup_errors=True)
        # Else a page may begin one background fetch, and is asked about the next.
        preferences = os.path.join(self.profile.name, "Default", "Preferences")
        os.makedirs(os.path.dirname(preferences))
        with open(preferences, "w", encoding="utf-8") as file:
            json.dump({"profile": {"default_content_setting_values": {"automatic_downloads": 1}}}, file)
        to_browser, self.output = os.pipe()
        self.input, from_browser = os.pipe()

        def descriptors():
            # Out of the way first: either may be 3 or 4 itself.
            high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_browser, from_browser)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)
            os.setsid()

        command = [
            binary,
            "--headless=new",
            "--remote-debugging-pipe",
            f"--user-data-dir={self.profile.name}",
            f"--host-resolver-rules={HOSTS}",
            "--ignore-certificate-errors",
            "--no-first-run",
            "--disable-component-update",
            "--disable-popup-blocking",
            "--autoplay-policy=no-user-gesture-required",
            *arguments,
        ]
        self.process = subprocess.Popen(
            command, preexec_fn=descriptors, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(from_browser)
        self.events = queue.Queue()
        self.answers = {}
        self.last = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        buffer = b""
        while True:
            try:
                data = os.read(self.input, 1 << 16)
            except OSError:
                data = b""
            if not data:
                break
            *messages, buffer = (buffer + data).split(b"\0")
            for message in map(json.loads, messages):
                self.answers[message["id"]].put(message) if "id" in message else self.events.put(message)
        self.events.put(None)
        for waiting in list(self.answers.values()):
            waiting.put(None)

    def send(self, method, session=None, **parameters):
        """Sends a command without waiting for its answer; gives where that arrives."""
        self.last += 1
        answer = self.answers[self.last] = queue.Queue()
        message = {"id": self.last, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        try:
            os.write(self.output, json.dumps(message).encode() + b"\0")
        except OSError:
            raise Ended
        return answer

    def call(self, method, session=None, **parameters):
        answer = self.send(method, session, **parameters).get(timeout=30)
        if answer is None:
            raise Ended
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        for descriptor in (self.input, self.output):
            os.close(descriptor)
        self.profile.cleanup()


class Page:
    """The page of one test."""

    def __init__(self, browser, files, multiplier):
        self.browser = browser
        self.files = files
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.target = target
        browser.call("Runtime.enable", self.session)
        browser.call("Page.enable", self.session)
        browser.call("Runtime.addBinding", self.session, name="longhaulBinding")
        source = BOOTSTRAP.replace("SETTINGS", str(multiplier))
        browser.call("Page.addScriptToEvaluateOnNewDocument", self.session, source=source)
        patterns = [{"urlPattern": f"*{path}"} for path in files]
        browser.call("Fetch.enable", self.session, patterns=patterns)

    def run(self, test, limit):
        self.browser.call("Browser.grantPermissions", permissions=["backgroundFetch"])
        self.browser.send("Page.navigate", self.session, url=test["url"])
        deadline = time.monotonic() + limit
        while True:
            left = deadline - time.monotonic()
            try:
                event = self.browser.events.get(timeout=max(left, 0))
            except queue.Empty:
                return outcome("TIMEOUT", "the page reported nothing in time")
            if event is None:
                raise Ended
            result = self.handle(event, test)
            if result is not None:
                return result

    def handle(self, event, test):
        method, parameters = event["method"], event["params"]
        if method == "Fetch.requestPaused":
            path = parameters["request"]["url"].split("?")[0]
            text = next(text for name, text in self.files.items() if path.endswith(name))
            self.browser.send(
                "Fetch.fulfillRequest",
                event["sessionId"],
                requestId=parameters["requestId"],
                responseCode=200,
                responseHeaders=[{"name": "Content-Type", "value": "text/javascript; charset=utf-8"}],
                body=base64.b64encode(text.encode()).decode(),
            )
        elif method == "Inspector.targetCrashed" or (
            method == "Target.targetCrashed" and parameters["targetId"] == self.target
        ):
            return outcome("CRASH", "the renderer crashed")
        elif method == "Page.loadEventFired" and test["crash"]:
            return outcome("PASS", None)
        elif method == "Runtime.bindingCalled":
            message = json.loads(parameters["payload"])
            if message["kind"] == "results":
                return message["results"]
            self.command(message, parameters["executionContextId"])
        return None

    def command(self, message, context):
        try:
            answer, worked = self.drive(message["name"], message["parameters"]), True
        except RuntimeError as error:
            answer, worked = str(error), False
        arguments = ", ".join(json.dumps(value) for value in (message["number"], worked, answer))
        self.browser.send(
            "Runtime.evaluate", self.session, expression=f"longhaulTestHost.answer({arguments})", contextId=context
        )

    def drive(self, name, parameters):
        if name == "click":
            for kind in ("mousePressed", "mouseReleased"):
                self.browser.send(
                    "Input.dispatchMouseEvent", self.session, type=kind, button="left", clickCount=1, **parameters
                )
            return None
        if name == "set_permission":
            self.browser.call(
                "Browser.setPermission",
                permission={"name": parameters["name"]},
                setting=parameters["state"],
                origin=parameters["origin"],
            )
            return None
        if name == "delete_all_cookies":
            self.browser.call("Storage.clearCookies")
            return None
        if name == "get_all_cookies":
            return self.browser.call("Network.getCookies", self.session, urls=[parameters["url"]])["cookies"]
        raise RuntimeError(f"{name} is not there")


def outcome(status, message):
    return {"status": status, "message": message, "subtests": []}


def run_test(test, arguments, files):
    began = time.monotonic()
    limit = test["timeout"] * arguments.timeout_multiplier + GRACE
    browser = Browser(arguments.chromium, arguments.chromium_arguments)
    try:
        result = Page(browser, files, arguments.timeout_multiplier).run(test, limit)
    except (Ended, queue.Empty):
        result = outcome("CRASH", "the browser ended")
    except RuntimeError as error:
        result = outcome("ERROR", str(error))
    finally:
        browser.close()
    for subtest in result["subtests"]:
        subtest["known_intermittent"] = []
    return {
        "test": test["test"],
        **result,
        "duration": round((time.monotonic() - began) * 1000),
        "known_intermittent": [],
    }


def version(binary):
    words = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.split()
    return next((word for word in words if word[0].isdigit()), "unknown")


def serve(arguments):
    """The adapter's server, once it answers."""
    server = subprocess.Popen(
        [arguments.adapter, "serve", "--wpt", arguments.wpt],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if not server.stdout.readline():
        sys.exit("the server did not start")
    return server


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--adapter", default="longhaul-wpt", help="the adapter's program")
    parser.add_argument("--chromium", default="chromium", help="the browser's program")
    parser.add_argument("--chromium-argument", dest="chromium_arguments", action="append", default=[], metavar="ARG")
    parser.add_argument("--wpt", required=True, metavar="DIR", help="the checkout")
    parser.add_argument("--log-wptreport", required=True, metavar="FILE")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="how many tests at a time")
    parser.add_argument("--timeout-multiplier", type=float, default=1, metavar="X")
    parser.add_argument("--scripts", action="store_true", help="only .any.js, .window.js and .worker.js tests")
    parser.add_argument("--no-server", action="store_true", help="one runs already")
    parser.add_argument("paths", nargs="*")
    arguments = parser.parse_args()
    if os.geteuid() == 0:
        # Chromium has no sandbox for root.
        arguments.chromium_arguments.append("--no-sandbox")
    command = [arguments.adapter, "list", "--json", "--wpt", arguments.wpt, *arguments.paths]
    if arguments.scripts:
        command.append("--scripts")
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    tests = [json.loads(line) for line in listed.splitlines()]
    files = {}
    for name in ("testharnessreport.js", "testdriver-vendor.js"):
        with open(os.path.join(CHILD, name), encoding="utf-8") as file:
            files["/resources/" + name] = file.read()
    server = None if arguments.no_server else serve(arguments)
    report = {
        "run_info": {"product": "chromium", "browser_version": version(arguments.chromium), "os": sys.platform},
        "time_start": round(time.time() * 1000),
        "results": [],
    }
    try:
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            for result in pool.map(lambda test: run_test(test, arguments, files), tests):
                report["results"].append(result)
                passed = sum(subtest["status"] == "PASS" for subtest in result["subtests"])
                print(f"{result['status']} {passed}/{len(result['subtests'])} {result['test']}", flush=True)
    finally:
        if server:
            os.killpg(server.pid, signal.SIGINT)
            server.wait()
    report["time_end"] = round(time.time() * 1000)
    with open(arguments.log_wptreport, "w", encoding="utf-8") as file:
        json.dump(report, file)
    seconds = (report["time_end"] - report["time_start"]) / 1000
    print(f"{len(tests)} tests in {seconds:.1f} s, {arguments.jobs} at a time")


if __name__ == "__main__":
    main()
