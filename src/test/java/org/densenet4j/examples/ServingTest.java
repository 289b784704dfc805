package org.densenet4j.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.testing.BlankPng;
import org.densenet4j.weights.RandomModel;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** The serving example in a process of its own with 512 MB, and clients that mean it harm. */
class ServingTest {
    private static final Set<Integer> ANSWERS = Set.of(200, 400, 413, 503);

    @TempDir private static Path folder;
    private static Process server;
    private static Path log;
    private static int port;
    private static HttpClient client;

    @BeforeAll
    static void start() throws Exception {
        DenseNetSpec spec = DenseNetSpec.preset("bc-10-4").classes(3).inputSize(16).build();
        Path model = new RandomModel(spec, 1).write(folder.resolve("m.safetensors"));
        log = folder.resolve("log.txt");
        server =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "--add-modules",
                                "jdk.incubator.vector",
                                "--enable-native-access=ALL-UNNAMED",
                                "-Xmx512m",
                                "-Dsun.net.httpserver.maxReqTime=3",
                                "-cp",
                                System.getProperty("java.class.path"),
                                "ServePredictions",
                                model.toString(),
                                "0")
                        .redirectErrorStream(true)
                        .redirectOutput(log.toFile())
                        .start();
        while (server.isAlive() && !Files.readString(log).contains("listening on port ")) {
            Thread.sleep(20);
        }
        port =
                Integer.parseInt(
                        Files.readString(log).replaceFirst("(?s).*listening on port ", "").strip());
        client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    }

    @AfterAll
    static void stop() throws Exception {
        server.destroy();
        server.waitFor();
        client.close();
        String output = Files.readString(log);
        assertFalse(output.contains("OutOfMemoryError"), output);
        assertFalse(output.contains("Exception"), output);
    }

    private static CompletableFuture<Integer> post(BodyPublisher body) {
        HttpRequest request =
                HttpRequest.newBuilder(URI.create("http://localhost:" + port + "/predict"))
                        .timeout(Duration.ofSeconds(60))
                        .POST(body)
                        .build();
        return client.sendAsync(request, BodyHandlers.ofString()).thenApply(r -> r.statusCode());
    }

    private static List<Integer> postAtOnce(int count, byte[] file) {
        List<CompletableFuture<Integer>> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            all.add(post(BodyPublishers.ofByteArray(file)));
        }
        return all.stream().map(CompletableFuture::join).toList();
    }

    private static void assertServes() throws IOException {
        assertEquals(200, post(BodyPublishers.ofByteArray(BlankPng.of(20, 30))).join());
    }

    @Test
    void picturesThatAreSmallAsFilesAndHugeAsImagesAreAllAnswered() throws IOException {
        byte[] tall = BlankPng.of(1, 50_000_000);
        assertTrue(tall.length < 250_000, tall.length + " bytes");
        List<Integer> answers = postAtOnce(4, tall);
        assertTrue(ANSWERS.containsAll(answers), answers.toString());
        assertServes();
    }

    /** 37 MB each once decoded; 40 of them at once do not fit into the queue either. */
    @Test
    void whatDoesNotFitIntoTheQueueIsToldSoAndTheRestIsServed() throws IOException {
        List<Integer> answers = postAtOnce(40, BlankPng.of(4_900, 2_500));
        assertTrue(Set.of(200, 503).containsAll(answers), answers.toString());
        assertTrue(answers.contains(503), answers.toString());
        assertTrue(answers.stream().filter(a -> a == 200).count() >= 16, answers.toString());
        assertServes();
    }

    @Test
    void halfSentRequestsHoldNobodyUpAndAreCutOff() throws IOException {
        List<Socket> slow = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
            String start = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000";
            String sent = i % 2 == 0 ? start : start + "\r\n\r\nhalf of a body";
            socket.getOutputStream().write(sent.getBytes(StandardCharsets.US_ASCII));
            slow.add(socket);
        }
        assertServes();
        for (Socket socket : slow) {
            socket.setSoTimeout(30_000);
            try (socket;
                    InputStream in = socket.getInputStream()) {
                assertEquals(-1, in.read());
            } catch (SocketException reset) {
                assertTrue(reset.getMessage().contains("reset"), reset.toString());
            }
        }
        assertServes();
    }

    @Test
    void anUploadThatIsTooLargeIsRefused() throws IOException {
        HttpRequest.BodyPublisher large =
                BodyPublishers.ofByteArrays(
                        () -> Collections.nCopies(100, new byte[1_000_000]).iterator());
        int status;
        try {
            status = post(large).join();
        } catch (CompletionException closed) {
            status = 413; // the answer may be lost while the client still sends
        }
        assertEquals(413, status);
        assertServes();
    }
}
