package org.densenet4j.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Initialiser;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.testing.DrawnImages;
import org.densenet4j.weights.Model;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/** Runs the programs of {@code examples/}, which have no package so that {@code java} runs them. */
class ExamplesTest {
    @TempDir private Path folder;

    private static List<String> run(String program, Object... arguments) throws Throwable {
        String[] strings = new String[arguments.length];
        for (int i = 0; i < strings.length; i++) {
            strings[i] = String.valueOf(arguments[i]);
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream out = System.out;
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            MethodHandles.publicLookup()
                    .findStatic(
                            Class.forName(program),
                            "main",
                            MethodType.methodType(void.class, String[].class))
                    .invoke(strings);
        } finally {
            System.setOut(out);
        }
        return bytes.toString(StandardCharsets.UTF_8).lines().toList();
    }

    @Test
    void trainFromCodeLearnsWithItsOwnLoss() throws Throwable {
        List<String> lines = run("TrainFromCode", 192, 3, folder);
        assertEquals(3, lines.size(), lines.toString());
        assertTrue(loss(lines.get(2)) < loss(lines.get(0)), lines.toString());
    }

    @Test
    void aDenseBlockInANetworkOfOnesOwnLearns() throws Throwable {
        List<String> lines = run("OwnNetwork", 100);
        assertEquals(4, lines.size(), lines.toString());
        assertTrue(loss(lines.get(3)) < loss(lines.get(1)) / 4, lines.toString());
    }

    @Test
    void anFcDenseNetLearnsShapesThatALinearClassifierOfPixelsCannot() throws Throwable {
        List<String> lines = run("SegmentShapes", 60, 8);
        assertEquals(4, lines.size(), lines.toString());
        assertTrue(meanIou(lines.get(0)) < 0.25, lines.toString());
        assertTrue(meanIou(lines.get(2)) > 0.6, lines.toString());
    }

    /** Ten steps: what it finds in the end takes hundreds. */
    @Test
    void aDetectorLearnsWithTheLossOfSsd() throws Throwable {
        List<String> lines = run("DetectGlyphs", 10, 4);
        assertEquals(12, lines.size(), lines.toString());
        assertTrue(loss(lines.get(10)) < 0.8 * loss(lines.get(1)), lines.toString());
        assertTrue(lines.get(11).startsWith("dense blocks: mean average precision"));
    }

    @Test
    void easyImagesLeaveAnMsdNetEarly() throws Throwable {
        List<String> lines = run("EarlyExits", 240, 2, folder);
        assertEquals(4, lines.size(), lines.toString());
        double last = multiplyAdds(lines.get(2));
        double byThresholds = multiplyAdds(lines.get(3));
        assertTrue(multiplyAdds(lines.get(0)) < byThresholds, lines.toString());
        assertTrue(byThresholds < last, lines.toString());
    }

    /** Two epochs: what it finds in the end takes more. */
    @Test
    void anRdNetTrainsInLessMemoryWithEachStrategyAndAveragesItsWeights() throws Throwable {
        List<String> lines = run("TrainRdNet", 64, 2, folder);
        assertEquals(6, lines.size(), lines.toString());
        List<Double> kept =
                lines.subList(0, 3).stream()
                        .map(line -> line.replaceAll(".*keeps +([0-9.]+) MB.*", "$1"))
                        .map(Double::valueOf)
                        .toList();
        assertTrue(kept.get(0) > 2 * kept.get(1), lines.toString());
        assertTrue(kept.get(1) > 2 * kept.get(2), lines.toString());
        assertTrue(lines.get(5).startsWith("averaged weights: test accuracy"), lines.toString());
    }

    @Test
    void aCondensedNetworkAnswersAsBeforeFromAFileOfWhatIsLeft() throws Throwable {
        List<String> lines = run("CondenseToServe", 64, 2, folder);
        assertEquals(5, lines.size(), lines.toString());
        double apart = Double.parseDouble(lines.get(2).replaceAll(".*at most (\\S+) apart", "$1"));
        assertTrue(apart < 1e-3, lines.toString());
        List<Long> bytes =
                Pattern.compile("[0-9,]+(?= (bytes|converted))")
                        .matcher(lines.get(4))
                        .results()
                        .map(found -> Long.parseLong(found.group().replace(",", "")))
                        .toList();
        assertTrue(bytes.get(1) < bytes.get(0) / 2, lines.toString());
    }

    private static double multiplyAdds(String line) {
        return Double.parseDouble(line.replaceAll(".*, +([0-9.]+) M multiply-adds.*", "$1"));
    }

    private static double meanIou(String line) {
        return Double.parseDouble(line.replaceAll(".*mean IoU ([0-9.]+),.*", "$1"));
    }

    @Test
    void fineTuneKeepsTheFeaturesAndItsResultIsServed() throws Throwable {
        Path images = folder.resolve("images");
        DrawnImages.write(images, 6, 2, 32);
        Path torchvision = folder.resolve("densenet.safetensors");
        NetworkShape shape = NetworkShape.of(DenseNetSpec.preset("bc-10-4").classes(1000).build());
        writeWeights(torchvision, shape);
        Path result = folder.resolve("fine-tuned.safetensors");

        List<String> lines = run("FineTune", torchvision, images, result, "bc-10-4", 2, 32);
        assertEquals(4, lines.size(), lines.toString());
        assertTrue(lines.get(0).endsWith("new classifier"), lines.toString());

        try (Model model = Model.open(result)) {
            assertEquals(DrawnImages.CLASSES, model.classNames());
            // Frozen batch normalisation: the running statistics are still those of the file.
            assertEquals(0.25f, model.values("features.norm5.running_mean")[0]);
        }
        try (AutoCloseable server = serve(result);
                HttpClient client = HttpClient.newHttpClient()) {
            URI address = URI.create("http://localhost:" + port(server) + "/predict");
            Path image = images.resolve("val/disc/disc6.png");
            HttpResponse<String> answer =
                    client.send(
                            HttpRequest.newBuilder(address)
                                    .POST(BodyPublishers.ofFile(image))
                                    .build(),
                            BodyHandlers.ofString());
            assertEquals(200, answer.statusCode(), answer.body());
            assertTrue(answer.body().startsWith("{\"predictions\":[{\"class\":"), answer.body());
            for (String name : DrawnImages.CLASSES) {
                assertTrue(answer.body().contains('"' + name + '"'), answer.body());
            }

            HttpRequest broken =
                    HttpRequest.newBuilder(address)
                            .POST(BodyPublishers.ofString("no image"))
                            .build();
            assertEquals(400, client.send(broken, BodyHandlers.ofString()).statusCode());
            HttpRequest get = HttpRequest.newBuilder(address).GET().build();
            assertEquals(405, client.send(get, BodyHandlers.ofString()).statusCode());
        }
    }

    private static void writeWeights(Path file, NetworkShape shape) throws IOException {
        SafetensorsWriter writer = new SafetensorsWriter();
        Initialiser initialiser = Initialiser.seeded(3);
        for (ParameterSpec p : shape.parameters()) {
            float[] values = new float[(int) p.count()];
            initialiser.fill(p, values);
            writer.floats(p.name(), p.shape(), () -> values);
        }
        for (ParameterSpec p : shape.buffers()) {
            float[] values = new float[(int) p.count()];
            Arrays.fill(values, p.name().endsWith("running_var") ? 1f : 0.25f);
            writer.floats(p.name(), p.shape(), () -> values);
        }
        writer.write(file);
    }

    private static AutoCloseable serve(Path model) throws Throwable {
        return (AutoCloseable)
                MethodHandles.publicLookup()
                        .findConstructor(
                                Class.forName("ServePredictions"),
                                MethodType.methodType(void.class, Path.class, int.class))
                        .invoke(model, 0);
    }

    private static int port(AutoCloseable server) throws Throwable {
        return (int)
                MethodHandles.publicLookup()
                        .findVirtual(server.getClass(), "port", MethodType.methodType(int.class))
                        .invoke(server);
    }

    private static double loss(String line) {
        return Double.parseDouble(line.replaceAll(".*loss ([0-9.]+).*", "$1"));
    }
}
