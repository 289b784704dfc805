package org.densenet4j.report;

import org.junit.jupiter.api.Assumptions;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A headless Chromium, driven through its DevTools protocol: pages are looked at as a reader does,
 * with a real pointer.
 */
public final class Browser implements AutoCloseable {
    private static final long PATIENCE_SECONDS = 30;
    private static final Pattern RESULT =
            Pattern.compile(
                    "\"result\":\\{\"type\":\"\\w+\",\"value\":(.*?)\\}\\}\\}?", Pattern.DOTALL);
    private static final Pattern ERROR =
            Pattern.compile(
                    "Runtime.exceptionThrown|\"method\":\"Log.entryAdded\".*\"level\":\"error\""
                            + "|\"method\":\"Runtime.consoleAPICalled\".*\"type\":\"error\"");

    private final Process process;
    private final Path profile;
    private final WebSocket socket;
    private final BlockingQueue<String> messages = new LinkedBlockingQueue<>();
    private final List<String> events = new ArrayList<>();
    private int lastId;

    private Browser(Process process, Path profile, HttpClient client, String address) {
        this.process = process;
        this.profile = profile;
        StringBuilder partial = new StringBuilder();
        this.socket =
                client.newWebSocketBuilder()
                        .buildAsync(
                                URI.create(address),
                                new WebSocket.Listener() {
                                    @Override
                                    public CompletionStage<?> onText(
                                            WebSocket ws, CharSequence data, boolean last) {
                                        partial.append(data);
                                        if (last) {
                                            messages.add(partial.toString());
                                            partial.setLength(0);
                                        }
                                        ws.request(1);
                                        return null;
                                    }
                                })
                        .join();
    }

    /** Opens a browser, or skips the test where there is none. */
    public static Browser open() throws Exception {
        Path binary =
                Stream.of(
                                "/usr/bin/chromium",
                                "/usr/bin/chromium-browser",
                                "/usr/bin/google-chrome")
                        .map(Path::of)
                        .filter(Files::isExecutable)
                        .findFirst()
                        .orElse(null);
        Assumptions.assumeTrue(binary != null, "no chromium on this machine");
        Path profile = Files.createTempDirectory("densenet4j-browser");
        Process process =
                new ProcessBuilder(
                                binary.toString(),
                                "--headless",
                                "--no-sandbox",
                                "--disable-gpu",
                                "--no-first-run",
                                "--disable-background-networking",
                                "--remote-debugging-port=0",
                                "--user-data-dir=" + profile,
                                "about:blank")
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
        HttpClient client = HttpClient.newHttpClient();
        int port = port(process, profile);
        HttpRequest list =
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/json/list"))
                        .build();
        String targets = client.send(list, HttpResponse.BodyHandlers.ofString()).body();
        Matcher page = Pattern.compile("ws://[^\"]*/devtools/page/[^\"]*").matcher(targets);
        if (!page.find()) {
            throw new IOException("no page in " + targets);
        }
        Browser browser = new Browser(process, profile, client, page.group());
        browser.send("Page.enable", Map.of());
        browser.send("Runtime.enable", Map.of());
        browser.send("Log.enable", Map.of());
        return browser;
    }

    /** The browser writes its port into its profile. */
    private static int port(Process process, Path profile) throws Exception {
        Path file = profile.resolve("DevToolsActivePort");
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (process.isAlive() && System.nanoTime() < end) {
            if (Files.exists(file) && Files.readAllLines(file).size() >= 2) {
                return Integer.parseInt(Files.readAllLines(file).getFirst());
            }
            Thread.sleep(20);
        }
        throw new IOException("the browser did not start");
    }

    private String send(String method, Map<String, Object> parameters) throws Exception {
        int id = ++lastId;
        socket.sendText(
                        Json.compact(Json.object("id", id, "method", method, "params", parameters)),
                        true)
                .join();
        while (true) {
            String message = messages.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
            if (message == null) {
                throw new IOException("no answer to " + method);
            }
            if (message.startsWith("{\"id\":" + id + ",")) {
                return message;
            }
            events.add(message);
        }
    }

    /** Sets the size of the window and the reader's colour scheme. */
    void view(int width, int height, boolean dark) throws Exception {
        send(
                "Emulation.setDeviceMetricsOverride",
                Json.object(
                        "width", width, "height", height, "deviceScaleFactor", 1, "mobile", false));
        send(
                "Emulation.setEmulatedMedia",
                Map.of(
                        "features",
                        List.of(
                                Map.of(
                                        "name",
                                        "prefers-color-scheme",
                                        "value",
                                        dark ? "dark" : "light"))));
    }

    /** Opens a file and waits until it is loaded. */
    void load(Path file) throws Exception {
        send("Page.navigate", Map.of("url", file.toUri().toString()));
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (!evaluate("document.readyState + location.protocol").equals("\"completefile:\"")) {
            if (System.nanoTime() > end) {
                throw new IOException(file + " does not load");
            }
            Thread.sleep(20);
        }
    }

    /** The value of a JavaScript expression, as JSON. */
    String evaluate(String expression) throws Exception {
        String answer =
                send(
                        "Runtime.evaluate",
                        Json.object("expression", expression, "returnByValue", true));
        Matcher m = RESULT.matcher(answer);
        if (!m.find()) {
            throw new IOException(expression + ": " + answer);
        }
        // Numbers are followed by their description.
        return m.group(1).replaceFirst(",\"description\":.*", "");
    }

    /** Moves the pointer. */
    void hover(double x, double y) throws Exception {
        for (double dx : new double[] {-3, 0}) {
            send(
                    "Input.dispatchMouseEvent",
                    Json.object("type", "mouseMoved", "x", x + dx, "y", y));
        }
    }

    /** Messages about errors so far. */
    List<String> errors() {
        return events.stream().filter(e -> ERROR.matcher(e).find()).toList();
    }

    @Override
    public void close() throws Exception {
        socket.abort();
        process.descendants().forEach(ProcessHandle::destroy);
        process.destroy();
        process.waitFor();
        try (Stream<Path> files = Files.walk(profile)) {
            files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
        }
    }
}
