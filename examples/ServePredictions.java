import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

import org.densenet4j.data.DataException;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageFile;
import org.densenet4j.inference.ImagePreparation;
import org.densenet4j.inference.Prediction;
import org.densenet4j.inference.Predictor;
import org.densenet4j.report.Json;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

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
 */
public final class ServePredictions implements AutoCloseable {
    private static final int TOP = 5;
    private static final int MOST_BYTES = 20_000_000;

    private final Predictor predictor; // may be used by several threads
    private final ImagePreparation preparation;
    private final HttpServer server;
    private final ExecutorService threads = Executors.newFixedThreadPool(4);

    public ServePredictions(Path model, int port) throws IOException {
        predictor = Predictor.open(model);
        preparation = predictor.preparation();
        // To serve other machines, bind to another address and put authentication in front.
        server =
                HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.createContext("/predict", this::predict);
        server.setExecutor(threads);
        server.start();
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
        try (exchange) {
            if (!exchange.getRequestMethod().equals("POST")) {
                answer(exchange, 405, Json.object("error", "POST a JPEG or PNG image"));
                return;
            }
            byte[] upload = exchange.getRequestBody().readNBytes(MOST_BYTES + 1);
            if (upload.length > MOST_BYTES) {
                answer(exchange, 413, Json.object("error", "more than " + MOST_BYTES + " bytes"));
                return;
            }
            Image image;
            try {
                image = ImageFile.decode("upload", upload);
            } catch (DataException e) {
                answer(exchange, 400, Json.object("error", e.getMessage()));
                return;
            }
            answer(exchange, 200, Json.object("predictions", classify(image)));
        }
    }

    private List<Map<String, Object>> classify(Image image) {
        float[] pixels = new float[preparation.length()];
        preparation.prepare(image, pixels, 0);
        List<Prediction> predictions = predictor.classify(pixels, 1, TOP).getFirst();
        return predictions.stream()
                .map(p -> Json.object("class", p.name(), "probability", p.probability()))
                .toList();
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
        threads.shutdown();
        predictor.close();
    }
}
