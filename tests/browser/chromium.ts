/**
 * Debian's Chromium without a display, controlled by the DevTools protocol over a WebSocket: it opens a page,
 * evaluates expressions, presses keys and takes pictures.
 * @module
 */

const BINARY = "/usr/bin/chromium";
const START_MS_MAX = 30_000;
const CALL_MS_MAX = 30_000;
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-port=0",
];

/** Whether it is installed. */
export const hasChromium: boolean = await Deno.stat(BINARY).then(() => true, () => false);

type Params = Readonly<Record<string, unknown>>;

/** What the browser reported about a page. */
export interface Complaints {
  /** Errors and warnings of the console, of the policy and of scripts. */
  readonly errors: string[];
  /** URLs that the page requested. */
  readonly requests: string[];
}

/** One browser with one page. */
export class Chromium {
  readonly complaints: Complaints = { errors: [], requests: [] };
  readonly #process: Deno.ChildProcess;
  readonly #directory: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (message: Record<string, unknown>) => void>();
  #session: string | undefined;
  #calls = 0;
  #loaded: () => void = () => {};

  private constructor(process: Deno.ChildProcess, directory: string, socket: WebSocket) {
    this.#process = process;
    this.#directory = directory;
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#heard(JSON.parse(data));
  }

  /** Starts it, with an empty page. */
  static async start(): Promise<Chromium> {
    const directory = await Deno.makeTempDir();
    const process = new Deno.Command(BINARY, {
      args: [...FLAGS, `--user-data-dir=${directory}`, "about:blank"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const socket = new WebSocket(await endpointIn(directory));
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("Cannot reach the browser"));
    });
    const browser = new Chromium(process, directory, socket);
    const { targetId } = await browser.call("Target.createTarget", { url: "about:blank" });
    const attached = await browser.call("Target.attachToTarget", { targetId, flatten: true });
    browser.#session = String(attached.sessionId);
    for (const domain of ["Page", "Runtime", "Log", "Network"]) {
      await browser.call(`${domain}.enable`);
    }
    return browser;
  }

  /** Opens a page and waits until it is loaded. */
  async open(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => this.#loaded = resolve);
    await this.call("Page.navigate", { url });
    await loaded;
  }

  /** The value of an expression in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const answer = await this.call("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (answer.exceptionDetails) throw new Error(JSON.stringify(answer.exceptionDetails));
    return (answer.result as { value: T }).value;
  }

  /** Presses and releases a key on the element with the focus. */
  async press(key: string): Promise<void> {
    const text = key.length === 1 ? { text: key } : {};
    await this.call("Input.dispatchKeyEvent", { type: "keyDown", key, ...text });
    await this.call("Input.dispatchKeyEvent", { type: "keyUp", key });
  }

  /** Gives the page so many pixels, and the colours of a theme. */
  async show(theme: "light" | "dark", width: number, height: number): Promise<void> {
    const size = { width, height, deviceScaleFactor: 1, mobile: false };
    await this.call("Emulation.setDeviceMetricsOverride", size);
    const features = [{ name: "prefers-color-scheme", value: theme }];
    await this.call("Emulation.setEmulatedMedia", { features });
    // Plots are drawn anew for another theme, and a moment after the page has another width.
    await this.evaluate("new Promise((done) => setTimeout(done, 400))");
  }

  /** A picture of the page as PNG: of all of it, or of what its viewport shows. */
  async picture(captureBeyondViewport = true): Promise<Uint8Array> {
    const { data } = await this.call("Page.captureScreenshot", { captureBeyondViewport });
    return Uint8Array.from(atob(String(data)), (c) => c.charCodeAt(0));
  }

  /** The page as PDF. */
  async print(): Promise<Uint8Array> {
    const { data } = await this.call("Page.printToPDF", {});
    return Uint8Array.from(atob(String(data)), (c) => c.charCodeAt(0));
  }

  /** Calls a method of the protocol. */
  call(method: string, params: Params = {}): Promise<Record<string, unknown>> {
    const id = ++this.#calls;
    const sessionId = this.#session === undefined ? {} : { sessionId: this.#session };
    this.#socket.send(JSON.stringify({ id, method, params, ...sessionId }));
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${method} is not answered`)), CALL_MS_MAX);
      this.#waiting.set(id, ({ result, error }) => {
        clearTimeout(late);
        if (error) reject(new Error(`${method}: ${JSON.stringify(error)}`));
        else resolve(result as Record<string, unknown>);
      });
    });
  }

  /** Ends the browser and removes what it left. */
  async close(): Promise<void> {
    this.#session = undefined;
    await this.call("Browser.close").catch(() => {});
    this.#socket.close();
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 5_000);
    await this.#process.status;
    clearTimeout(timer);
    await Deno.remove(this.#directory, { recursive: true }).catch(() => {});
  }

  #heard(message: Record<string, unknown>): void {
    const id = message.id as number | undefined;
    if (id !== undefined) {
      this.#waiting.get(id)?.(message);
      this.#waiting.delete(id);
      return;
    }
    // deno-lint-ignore no-explicit-any -- the events of the protocol.
    const params = message.params as any;
    const { errors, requests } = this.complaints;
    if (message.method === "Page.loadEventFired") this.#loaded();
    if (message.method === "Network.requestWillBeSent") requests.push(params.request.url);
    if (message.method === "Log.entryAdded") errors.push(params.entry.text);
    if (message.method === "Runtime.exceptionThrown") {
      errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    }
    if (message.method === "Runtime.consoleAPICalled" && /error|warning|assert/.test(params.type)) {
      errors.push(JSON.stringify(params.args));
    }
  }
}

/** The address that the browser writes into its directory when it is ready. */
async function endpointIn(directory: string): Promise<string> {
  const endMs = Date.now() + START_MS_MAX;
  while (Date.now() < endMs) {
    const text = await Deno.readTextFile(`${directory}/DevToolsActivePort`).catch(() => "");
    const [port, path] = text.split("\n");
    if (port && path) return `ws://127.0.0.1:${port}${path}`;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("The browser does not start");
}
