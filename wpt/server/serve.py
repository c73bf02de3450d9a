#!/usr/bin/env python3
"""Serves a web-platform-tests checkout on the suite's default ports, with PyPI's wptserve.

    python serve.py CHECKOUT --certificates DIR [--ports HTTP HTTPS H2] [--until-eof]

Prints one line of JSON once everything listens: {"cacert": the local authority's certificate}. Host names need no
/etc/hosts: the user agent has to find them here (Chromium: --host-resolver-rules).
"""

import argparse
import html
import importlib.util
import json
import logging
import os
import re
import signal
import sys
import threading
import types

from wptserve import config, handlers, server, stash
from wptserve.router import any_method

HOST = "web-platform.test"
OTHER_HOST = "not-web-platform.test"
SUBDOMAINS = {"www", "www1", "www2", "天気の良い日", "élève"}

# The ports that wpt's own runner uses. Those of WebSockets are only names: nothing listens there.
PORTS = {
    "http": [8000, 8001],
    "http-local": [8002],
    "http-public": [8003],
    "https": [8443, 8444],
    "https-local": [8445],
    "https-public": [8446],
    "ws": [8888],
    "wss": [8889],
    "h2": [9000],
}

META = re.compile(rb"//\s*META:\s*(\w*)=(.*)$")


class EndedConnection:
    """A socket that says '' at its end, which is what wptserve's HTTP/2 loop looks for.

    It compares what it received with the text '' and gets the bytes b'', so the thread of a connection that its client
    closed without a GOAWAY reads b'' for ever, at the cost of a whole core.
    """

    def __init__(self, wrapped):
        self._wrapped = wrapped

    def __getattr__(self, name):
        return getattr(self._wrapped, name)

    def recv(self, *arguments):
        return self._wrapped.recv(*arguments) or ""


class Http2Handler(server.Http2WebTestRequestHandler):
    def setup(self):
        super().setup()
        self.request = EndedConnection(self.request)


def take(self, key, path=None):
    """Takes a value from the stash in one step.

    wptserve looks it up and removes it in two, so that a value which was put in its place meanwhile was lost.
    """
    return self.data.pop(self._wrap_key(key, path), None)


stash.Stash.take = take


class Script:
    """A script test behind a generated page: its path, and what its META lines say."""

    def __init__(self, request, suffix, extension):
        path = request.url_parts.path
        self.path = path[: -len(suffix)] + extension
        self.query = "?" + request.url_parts.query if request.url_parts.query else ""
        self.meta = []
        self.file = os.path.join(request.doc_root, *filter(None, self.path.split("/")))
        try:
            with open(self.file, "rb") as lines:
                for line in lines:
                    match = META.match(line.rstrip(b"\r\n"))
                    if match is None:
                        break
                    self.meta.append(tuple(part.decode("utf-8") for part in match.groups()))
        except OSError:
            raise handlers.HTTPException(404)

    def values(self, key):
        return [value for name, value in self.meta if name == key]

    def attribute(self, suffix):
        """The URL of the script beside this one with another ending, as an attribute's value."""
        return html.escape(self.path.rsplit(".", 1)[0] + suffix + self.query)


def globals_of(kind):
    """What a test asks about where it runs."""
    members = ", ".join(
        f"is{name}: () => {'true' if name == kind else 'false'}" for name in ("Window", "Worker", "ShadowRealm")
    )
    return f"self.GLOBAL = {{ {members} }};"


def page(script, body):
    lines = ["<!doctype html>", "<meta charset=utf-8>"]
    if "long" in script.values("timeout"):
        lines.append("<meta name=timeout content=long>")
    lines += [f"<title>{html.escape(title)}</title>" for title in script.values("title")]
    lines += [
        f"<script>{globals_of('Window')}</script>",
        "<script src=/resources/testharness.js></script>",
        "<script src=/resources/testharnessreport.js></script>",
    ]
    return "\n".join([*lines, *body, ""])


def scripts_of(script, **attributes):
    kind = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return [f'<script{kind} src="{html.escape(url)}"></script>' for url in script.values("script")]


def wrapper(suffix, extension, content_type, make):
    """A handler for generated files that end with `suffix`, for tests that end with `extension`."""

    @handlers.handler
    def handle(request, response):
        script = Script(request, suffix, extension)
        response.headers.set("Content-Type", content_type + "; charset=utf-8")
        # The page answers with the headers that stand beside its script, and through its pipes.
        for name, value in handlers.load_headers(request, script.file):
            response.headers.set(name, value)
        response.content = make(script)
        handlers.wrap_pipeline(script.path, request, response)

    return handle


def in_window(script):
    return page(script, [*scripts_of(script), "<div id=log></div>", f'<script src="{script.attribute(".js")}"></script>'])


def in_window_module(script):
    test = f'<script type="module" src="{script.attribute(".js")}"></script>'
    return page(script, [*scripts_of(script, type="module"), "<div id=log></div>", test])


def in_worker(constructor, suffix, options=""):
    def make(script):
        url = json.dumps(html.unescape(script.attribute(suffix)))
        run = f"<script>fetch_tests_from_worker(new {constructor}({url}{options}));</script>"
        return page(script, ["<div id=log></div>", run])

    return make


def in_service_worker(suffix, kind):
    def make(script):
        url = json.dumps(html.unescape(script.attribute(suffix)))
        lines = [
            "<div id=log></div>",
            "<script>",
            "(async () => {",
            "  const container = navigator.serviceWorker;",
            "  const scope = 'does/not/exist';",
            "  const earlier = await container.getRegistration(scope);",
            "  if (earlier) await earlier.unregister();",
            f"  const registration = await container.register({url}, {{ scope, type: '{kind}' }});",
            "  fetch_tests_from_worker(registration.installing);",
            "})();",
            "</script>",
        ]
        return page(script, lines)

    return make


def any_worker(script):
    imports = ["/resources/testharness.js", *script.values("script"), script.path]
    # A worker has no document whose title names its tests.
    titles = [f"self.META_TITLE = {json.dumps(title)};" for title in script.values("title")]
    lines = [globals_of("Worker"), *titles, *(f"importScripts({json.dumps(url)});" for url in imports), "done();"]
    return "\n".join([*lines, ""])


def any_worker_module(script):
    # Imports run before everything else in their module, so what they need has to be one too.
    first = "data:text/javascript," + globals_of("Worker").replace(" ", "%20")
    imports = [first, "/resources/testharness.js", *script.values("script"), script.path]
    return "\n".join([*(f"import {json.dumps(url)};" for url in imports), "done();", ""])


JS = "text/javascript"
HTML = "text/html"
GENERATED = [
    (".any.worker.js", ".any.js", JS, any_worker),
    (".any.worker-module.js", ".any.js", JS, any_worker_module),
    (".any.worker.html", ".any.js", HTML, in_worker("Worker", ".worker.js")),
    (".any.worker-module.html", ".any.js", HTML, in_worker("Worker", ".worker-module.js", ", { type: 'module' }")),
    (".any.sharedworker.html", ".any.js", HTML, in_worker("SharedWorker", ".worker.js")),
    (
        ".any.sharedworker-module.html",
        ".any.js",
        HTML,
        in_worker("SharedWorker", ".worker-module.js", ", { type: 'module' }"),
    ),
    (".any.serviceworker.html", ".any.js", HTML, in_service_worker(".worker.js", "classic")),
    (".any.serviceworker-module.html", ".any.js", HTML, in_service_worker(".worker-module.js", "module")),
    (".any.window-module.html", ".any.js", HTML, in_window_module),
    (".any.html", ".any.js", HTML, in_window),
    (".window.html", ".window.js", HTML, in_window),
    (".worker.html", ".worker.js", HTML, in_worker("Worker", ".js")),
]

ROUTES = [
    *(("GET", "*" + suffix, wrapper(suffix, *rest)) for suffix, *rest in GENERATED),
    ("GET", "*.asis", handlers.as_is_handler),
    (any_method, "*.py", handlers.python_script_handler),
    ("GET", "*", handlers.file_handler),
]

# A name from before the parser was renamed, which tests still use.
REWRITES = [("GET", "/resources/WebIDLParser.js", "/resources/webidl2/lib/webidl2.js")]


def configuration(checkout, certificates):
    openssl = {
        "openssl_binary": "openssl",
        "base_path": certificates,
        "password": "web-platform-tests",
        "force_regenerate": False,
        "duration": 30,
        "base_conf_path": None,
    }
    return config.ConfigBuilder(
        logging.getLogger("wptserve"),
        browser_host=HOST,
        alternate_hosts={"alt": OTHER_HOST},
        subdomains=SUBDOMAINS,
        not_subdomains={"nonexistent"},
        doc_root=checkout,
        check_subdomains=False,
        ports=PORTS,
        ssl={"type": "openssl", "encrypt_after_connect": False, "openssl": openssl},
    )


def load_source(name, path):
    specification = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def provide_tools(checkout):
    """A checkout of some folders comes without the tools, of which handlers import one."""
    if os.path.exists(os.path.join(checkout, "tools", "wpt", "utils.py")):
        return
    for name in ("tools", "tools.wpt", "tools.wpt.utils"):
        module = types.ModuleType(name)
        module.__path__ = []
        sys.modules.setdefault(name, module)
    sys.modules["tools.wpt.utils"].load_source = load_source


def serve(checkout, certificates, until_eof):
    os.makedirs(certificates, exist_ok=True)
    # Handlers import what lies beside them and in the checkout's tools, and compile nothing into the checkout.
    sys.path.insert(0, checkout)
    sys.dont_write_bytecode = True
    provide_tools(checkout)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with stash.StashServer(), configuration(checkout, certificates) as settings:
        servers = []
        for scheme, ports in settings["ports"].items():
            if scheme in ("ws", "wss"):
                continue
            secure = scheme.startswith("https") or scheme == "h2"
            options = {}
            if secure:
                options = {
                    "use_ssl": True,
                    "key_file": settings.ssl_config["key_path"],
                    "certificate": settings.ssl_config["cert_path"],
                }
            if scheme == "h2":
                options |= {"http2": True, "handler_cls": Http2Handler}
            for port in ports:
                httpd = server.WebTestHttpd(
                    host="127.0.0.1",
                    port=port,
                    doc_root=checkout,
                    routes=ROUTES,
                    rewrites=REWRITES,
                    config=settings,
                    bind_address=True,
                    **options,
                )
                httpd.start()
                servers.append(httpd)
        print(json.dumps({"cacert": settings.ssl_config["ca_cert_path"]}), flush=True)
        if until_eof:
            threading.Thread(target=lambda: (sys.stdin.buffer.read(), stopped.set()), daemon=True).start()
        stopped.wait()
        for httpd in servers:
            httpd.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("checkout", help="the checkout's folder")
    parser.add_argument("--certificates", required=True, help="where to keep them", metavar="DIR")
    parser.add_argument(
        "--ports", nargs=3, type=int, metavar=("HTTP", "HTTPS", "H2"), help="others than the suite's", default=None
    )
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does")
    arguments = parser.parse_args()
    if arguments.ports is not None:
        for scheme, port in zip(("http", "https", "h2"), arguments.ports):
            PORTS[scheme][0] = port
    logging.basicConfig(level=logging.ERROR)
    serve(os.path.abspath(arguments.checkout), os.path.abspath(arguments.certificates), arguments.until_eof)


if __name__ == "__main__":
    main()
