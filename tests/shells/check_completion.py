"""Tab in bash, zsh and fish: what a line becomes is told by what it calls."""

import subprocess

import harness
import terminal

PROMPT = "ready> "
LOAD = {
    "bash": "source <(myikev2 completion bash)",
    "zsh": "source <(myikev2 completion zsh)",
    "fish": "myikev2 completion fish | source",
}
# Where a package would put the script, below the home that the test gives the shell.
INSTALLED = {
    "bash": "completions/myikev2",
    "zsh": "site-functions/_myikev2",
    "fish": ".config/fish/completions/myikev2.fish",
}

# Keys, and what the line then calls. A tab is pressed where ⇥ stands.
LINES = [
    ("te⇥ x", ["test", "x"]),
    ("test --ver⇥ a.yaml", ["test", "--verify", "a.yaml"]),
    ("test --flush=fa⇥ a.yaml", ["test", "--flush=false", "a.yaml"]),
    ("test --flush fo⇥ a.yaml", ["test", "--flush", "force", "a.yaml"]),
    ("test a.yaml --json fa⇥", ["test", "a.yaml", "--json", "false"]),
    ("test two⇥", ["test", "two words.yaml"]),
    ("test --lf runs⇥", ["test", "--lf", "runs.log"]),
    ("test --lf=runs⇥", ["test", "--lf=runs.log"]),
    ("test --keylog ke⇥", ["test", "--keylog", "keys"]),
    ("test --verify fal⇥ two⇥", ["test", "--verify", "false", "two words.yaml"]),
    ("default free⇥", ["default", "freeradius"]),
    ("demo --suite modp⇥", ["demo", "--suite", "modp2048-cbc"]),
    ("demo --transport=nat⇥", ["demo", "--transport=native"]),
    ("simulate --break swap_n⇥", ["simulate", "--break", "swap_nonces"]),
    ("daemon hist⇥ --json", ["daemon", "history", "--json"]),
    ("daemon --loglvl 5⇥", ["daemon", "--loglvl", "5"]),
    ("cli log -l n⇥", ["cli", "log", "-l", "no"]),
    ("cli summary --js⇥", ["cli", "summary", "--json"]),
    ("help simu⇥", ["help", "simulate"]),
]
# The same with a test that answers at ADDRESS.
LINES_WITH_A_TEST = [
    ("cli --svr ADDRESS dump FED⇥", ["cli", "--svr", "ADDRESS", "dump", "FEDCBA9876543210"]),
    ("cli --svr=ADDRESS dump fed⇥", ["cli", "--svr=ADDRESS", "dump", "FEDCBA9876543210"]),
    ("cli --svr ADDRESS rekeychild c⇥", ["cli", "--svr", "ADDRESS", "rekeychild", "C0FFEE01"]),
]

TLS = f"--tls-ca {harness.TLS}/authority.pem --tls-cert={harness.TLS}/client.pem --tls-key {harness.TLS}/client.key"
LINES_WITH_TLS = [(f"cli {TLS} --svr ADDRESS listchild fe⇥",
                   ["cli", *TLS.split(), "--svr", "ADDRESS", "listchild", "FEDCBA9876543210"])]


class SystemShell:
    """An interactive bash, zsh or fish with completion of ours; of the user's own files it reads none."""

    def __init__(self, site, kind, how="sourced", flags=""):
        self.site = site
        environment = site.environment(PS1=PROMPT, PROMPT=PROMPT)
        script = site.home / INSTALLED[kind]
        load = LOAD[kind]
        script.unlink(missing_ok=True)
        if how == "installed":
            script.parent.mkdir(parents=True, exist_ok=True)
            script.write_text(_script(site, kind))
            load = ":"
        load = load.replace(f"completion {kind}", f"completion {kind} {flags}")
        self.screen = terminal.Terminal(
            getattr(self, f"_{kind}")(site, load, how, environment), environment, site.work)
        self.screen.wait_for(PROMPT.strip())
        self.screen.quiet()

    @staticmethod
    def _bash(site, load, how, environment):
        first = site.home / "bashrc"
        whole = ". /usr/share/bash-completion/bash_completion\n" if how == "installed" else ""
        # A prompt for more answers than fit is none of what is tried here.
        first.write_text(f"{whole}PS1='{PROMPT}'\nbind 'set completion-query-items 0'\n{load}\n")
        environment["BASH_COMPLETION_USER_DIR"] = str(site.home)
        return ["bash", "--noprofile", "--rcfile", str(first), "-i"]

    @staticmethod
    def _zsh(site, load, _how, environment):
        functions = site.home / "site-functions"
        (site.home / ".zshrc").write_text(
            f"fpath=({functions} $fpath)\nautoload -Uz compinit\ncompinit -u -D\n"
            f"PROMPT='{PROMPT}'\nunsetopt prompt_sp\n{load}\n")
        environment["ZDOTDIR"] = str(site.home)
        return ["zsh", "-d", "-i"]

    @staticmethod
    def _fish(_site, load, _how, _environment):
        return ["fish", "-i", "-C", f"set -g fish_autosuggestion_enabled 0; set fish_greeting; {load}; "
                f"function fish_prompt; echo -n '{PROMPT}'; end"]

    def type(self, keys):
        """Types, waiting at each tab until the shell has done what it does; returns what appeared."""
        shown = ""
        for part in keys.replace("⇥", "\t⇥").split("⇥"):
            self.screen.press(part)
            if part.endswith("\t"):
                self.site.wait_for_answer()
                shown += self.screen.quiet(0.2)
        return shown

    def drop_line(self):
        self.screen.press(terminal.CTRL_C)
        self.screen.quiet(0.2)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.screen.__exit__()


def _script(site, kind):
    return subprocess.run(site.program + ["completion", kind], check=True, stdout=subprocess.PIPE,
                          text=True).stdout


def _prepare(site):
    for name in ("two words.yaml", "runs.log", "keepsake"):
        (site.work / name).touch()
    (site.work / "keys").mkdir(exist_ok=True)


def _check_lines(checks, site, shell, title, lines, address="", before=""):
    for keys, words in lines:
        shell.type(f"{before}myikev2 {keys.replace('ADDRESS', address)}")
        shell.screen.press("\n")
        shell.screen.quiet(0.1)
        got = site.call()
        expected = [word.replace("ADDRESS", address) for word in words]
        # zsh takes the slash behind a directory away again.
        plain = got and [word.rstrip("/") for word in got]
        checks.equal(f"{title}: {before}myikev2 {keys.replace(TLS, 'TLS')}", plain, expected)
        if got is None:
            shell.drop_line()
        shell.screen.quiet(0.2)


def _check_list(checks, shell, kind):
    shown = shell.type("myikev2 cli dump⇥⇥")
    checks.that(f"{kind}: a list tells what words mean",
                "dumpchild" in shown and "show everything about one CHILD_SA" in shown, repr(shown))
    shell.drop_line()


def _check_unevaluated(checks, site, shell, kind):
    """What stands on the line is not done for a Tab."""
    shell.type("myikev2 test $(touch pwned) '; touch pwned' --ver⇥")
    shell.screen.quiet()
    checks.that(f"{kind}: Tab evaluates nothing that is on the line", not (site.work / "pwned").exists())
    shell.drop_line()


def _check_shell(checks, site, kind):
    _prepare(site)
    with SystemShell(site, kind) as shell:
        _check_lines(checks, site, shell, kind, LINES)
        _check_list(checks, shell, kind)
        _check_unevaluated(checks, site, shell, kind)
        with harness.FakeServer() as server:
            _check_lines(checks, site, shell, kind, LINES_WITH_A_TEST, server.target())
        with harness.FakeServer(tls="mutual") as server:
            _check_lines(checks, site, shell, f"{kind}, TLS", LINES_WITH_TLS, server.target())
    with SystemShell(site, kind, "installed") as shell:
        _check_lines(checks, site, shell, f"{kind}, installed", LINES[:3])
        _check_lines(checks, site, shell, f"{kind}, installed", LINES[2:3], before="nice ")
    with SystemShell(site, kind, flags="--no-descriptions") as shell:
        shown = shell.type("myikev2 cli dump⇥⇥")
        checks.that(f"{kind}, --no-descriptions: a list of words alone",
                    "dumpchild" in shown and "CHILD_SA" not in shown, repr(shown))


def check_bash(checks, site):
    _check_shell(checks, site, "bash")


def check_zsh(checks, site):
    _check_shell(checks, site, "zsh")


def check_fish(checks, site):
    _check_shell(checks, site, "fish")
