package org.densenet4j.download;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** A Maven repository on the loopback interface with one small jar, and faults on demand. */
final class FakeRepository implements AutoCloseable {
    static final List<String> WANTED = List.of("libcudnn.so.9", "libcublas.so.12");

    private final HttpServer server;
    private final byte[] jar;
    private final Map<String, byte[]> files = new TreeMap<>();

    /** The {@code Range} header of each request for the jar; "" where there was none. */
    final List<String> ranges = new CopyOnWriteArrayList<>();

    /** Ends each answer after so many bytes. */
    volatile int cutAfter = Integer.MAX_VALUE;

    /** Whether ranges are honoured. */
    volatile boolean rangesWork = true;

    FakeRepository(Artifact artifact) throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        jar = makeJar();
        String path = artifact.in(URI.create("http://host/maven2")).getPath();
        files.put(path, jar);
        files.put(path + ".sha1", text(hash("SHA-1", jar) + "  some.jar"));
        server.createContext("/", this::answer);
        server.start();
    }

    /** An artifact that fits the jar that every repository of this kind has. */
    static Artifact artifact(String sha256, long unpackedBytes) {
        return new Artifact(
                "org.example",
                "cuda",
                "1.2-3",
                "linux-x86_64-redist",
                sha256,
                makeJar().length,
                unpackedBytes,
                List.of("libcudnn", "libcublas"));
    }

    static String sha256() {
        return hash("SHA-256", makeJar());
    }

    URI address() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/maven2");
    }

    int jarBytes() {
        return jar.length;
    }

    byte[] jar() {
        return jar.clone();
    }

    void sha1(String text) {
        files.replaceAll((path, old) -> path.endsWith(".sha1") ? text(text) : old);
    }

    static String hash(String algorithm, byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    static byte[] content(String name) {
        byte[] bytes = new byte[100_000];
        new Random(name.hashCode()).nextBytes(bytes);
        return bytes;
    }

    private static byte[] makeJar() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            for (String name : List.of("libcudnn.so.9", "libnpps.so.12", "libcublas.so.12")) {
                ZipEntry entry = new ZipEntry("org/example/cuda/linux-x86_64/" + name);
                entry.setTime(0);
                zip.putNextEntry(entry);
                zip.write(content(name));
                zip.closeEntry();
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return bytes.toByteArray();
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            byte[] file = files.get(exchange.getRequestURI().getPath());
            if (file == null) {
                exchange.sendResponseHeaders(404, -1);
                return;
            }
            if (exchange.getRequestMethod().equals("HEAD")) {
                exchange.getResponseHeaders().set("Content-Length", String.valueOf(file.length));
                exchange.sendResponseHeaders(200, -1);
                return;
            }
            String range = exchange.getRequestHeaders().getFirst("Range");
            if (file == jar) {
                ranges.add(range == null ? "" : range);
            }
            int from = 0;
            if (range != null && rangesWork) {
                from = Integer.parseInt(range.replaceAll("\\D", ""));
                exchange.getResponseHeaders()
                        .set(
                                "Content-Range",
                                "bytes " + from + "-" + (file.length - 1) + "/" + file.length);
            }
            byte[] rest = Arrays.copyOfRange(file, from, file.length);
            exchange.sendResponseHeaders(from > 0 ? 206 : 200, rest.length);
            int sent = file == jar ? Math.min(cutAfter, rest.length) : rest.length;
            exchange.getResponseBody().write(rest, 0, sent);
            exchange.getResponseBody().flush();
        }
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
