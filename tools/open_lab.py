"""JupyterLab that has one line to say, the address to open; run with JupyterLab's own options.

tools/build_environment.py runs it in the learner's environment.
"""

import sys
from pathlib import Path

from jupyter_server.serverapp import ServerApp
from jupyterlab.labapp import LabApp
from traitlets import default


class Server(ServerApp):
    """The server under JupyterLab, which says its address in one line."""

    @default("static_custom_path")
    def _our_style(self):
        return [str(Path(__file__).with_name("jupyterlab"))]  # custom.css

    def init_httpserver(self):
        """Find a free port, and keep which one was asked for."""
        self.asked_port = self.port
        super().init_httpserver()

    def start_app(self):
        """Say where the server is, open the browser, and serve until stopped."""
        taken = self.port != self.asked_port != 0
        where = f", on port {self.port} because {self.asked_port} is taken" if taken else ""
        address = self.display_url.split()[0]
        line = f"JupyterLab runs{where}; Ctrl-C here stops it. Open {address}"
        # In the loop, after it began to listen: who reads the line can open the address.
        self.io_loop.add_callback(print, line, flush=True)
        # With a token that it made itself, the server would go on to say the same in five lines.
        self.identity_provider.token_generated = False
        super().start_app()


class Lab(LabApp):
    """JupyterLab on that server."""

    serverapp_class = Server

    @classmethod
    def get_extension_package(cls):
        """The package that the server loads JupyterLab from: not this file."""
        return "jupyterlab"


if __name__ == "__main__":
    sys.exit(Lab.launch_instance())
