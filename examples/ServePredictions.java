import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

import org.densenet4j.data.DataException;
import org.densenet4j.data.DecodeOptions;
import org.densenet4j.data.ImageFile;
import org.densenet4j.data.ImageMemoryException;
import org.densenet4j.inference.ImagePreparation;
import org.densenet4j.inference.Prediction;
import org.densenet4j.inference.Predictor;
import org.densenet4j.report.Json;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Answers over HTTP what is in an image, with the server of the JDK.
 *
 * <pre>
 * java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
 *     -cp target/densenet4j.jar examples/ServePredictions.java runs/.../best.safetensors [PORT]
 *
 * curl --data-binary @cat.jpg http://localhost:8080/predict
 * {"predictions":[{"class":"cat","probability":0.98}, ...]}
 * </pre>
 *
 * Whatever clients send, memory stays bounded: connections, bytes of uploads, pixels of an image
 * and requests that wait all have a limit; what is beyond gets 413 or 503 at once, and who sends
 * too slowly is cut off.
 */
public final class ServePredictions implements AutoCloseable {
    private static final int TOP = 5;
    private static final int MOST_BYTES = 20_000_000;
    private static final int MOST_BYTES_OF_ALL = 2 * MOST_BYTES;
    private static final int MOST_WAITING = 16;
    private static final int MOST_PIXELS = 25_000_000;

    private final Predictor predictor; // may be used by several threads
    private final ImagePreparation preparation;
    private final DecodeOptions decoding;
    private final HttpServer server;

    /** Talk to clients, which costs next to nothing while they are slow. */
    private final ExecutorService connections = Executors.newVirtualThreadPerTaskExecutor();

    /** Decode and predict: as many threads as processors, and a queue that ends. */
    private final ThreadPoolExecutor work;

    private final Semaphore room = new Semaphore(MOST_BYTES_OF_ALL);

    public ServePredictions(Path model, int port) throws IOException {
        setUnlessGiven("sun.net.httpserver.maxReqTime", "10"); // seconds to send a request
        setUnlessGiven("sun.net.httpserver.maxRspTime", "120"); // seconds to compute and take it
        setUnlessGiven("jdk.httpserver.maxConnections", "500");
        int threads = Runtime.getRuntime().availableProcessors();
        work =
                new ThreadPoolExecutor(
                        threads,
                        threads,
                        0,
                        TimeUnit.SECONDS,
                        new ArrayBlockingQueue<>(MOST_WAITING));
        predictor = Predictor.open(model);
        preparation = predictor.preparation();
        decoding = predictor.decoding().withMostPixels(MOST_PIXELS);
        // To serve other machines, bind to another address and put authentication in front.
        server =
                HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.createContext("/predict", this::predict);
        server.setExecutor(connections);
        server.start();
    }

    /** The server reads these when the first one of a process is made. */
    private static void setUnlessGiven(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    public static void main(String[] args) throws IOException {
        int port = args.length > 1 ? Integer.parseInt(args[1]) : 8080;
        ServePredictions serving = new ServePredictions(Path.of(args[0]), port);
        Runtime.getRuntime().addShutdownHook(new Thread(serving::close));
        System.out.println(serving.predictor.spec() + "\nlistening on port " + serving.port());
    }

    public int port() {
        return server.getAddress().getPort();
    }

    private void predict(HttpExchange exchange) throws IOException {
        try (exchange;
                Upload upload = new Upload()) {
            if (!exchange.getRequestMethod().equals("POST")) {
                refuse(exchange, 405, "POST an image");
            } else if (!upload.read(exchange.getRequestBody())) {
                refuse(exchange, upload.status, "too many bytes");
            } else {
                answer(exchange, upload);
            }
        }
    }

    private void answer(HttpExchange exchange, Upload upload) throws IOException {
        try {
            byte[] image = upload.bytes.toByteArray();
            answer(exchange, 200, work.submit(() -> classify(image)).get());
        } catch (RejectedExecutionException e) {
            refuse(exchange, 503, "busy, try again");
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case DataException wrong -> refuse(exchange, 400, wrong.getMessage());
                case ImageMemoryException large -> refuse(exchange, 503, large.getMessage());
                default -> {
                    e.printStackTrace();
                    refuse(exchange, 500, "internal error");
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Map<String, Object> classify(byte[] upload) throws IOException {
        float[] pixels = ImageFile.decode("upload", upload, decoding, preparation::prepare);
        List<Prediction> predictions = predictor.classify(pixels, 1, TOP).getFirst();
        return Json.object(
                "predictions",
                predictions.stream()
                        .map(p -> Json.object("class", p.name(), "probability", p.probability()))
                        .toList());
    }

    /** Bytes of a client, counted as they arrive: who sends slowly holds no more than was sent. */
    private final class Upload implements AutoCloseable {
        final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        int status;

        /** Returns whether all was read; {@link #status} says why not. */
        boolean read(InputStream body) throws IOException {
            byte[] part = new byte[8192];
            for (int n = body.read(part); n >= 0; n = body.read(part)) {
                status = bytes.size() + n > MOST_BYTES ? 413 : room.tryAcquire(n) ? 0 : 503;
                if (status != 0) {
                    return false;
                }
                bytes.write(part, 0, n);
            }
            return true;
        }

        @Override
        public void close() {
            room.release(bytes.size());
        }
    }

    private static void refuse(HttpExchange exchange, int status, String why) throws IOException {
        answer(exchange, status, Json.object("error", why));
    }

    private static void answer(HttpExchange exchange, int status, Map<String, Object> json)
            throws IOException {
        byte[] body = Json.compact(json).getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }

    @Override
    public void close() {
        server.stop(1);
        connections.shutdown();
        work.shutdown();
        predictor.close();
    }
}
