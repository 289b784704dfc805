package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.inference.Exit;
import org.densenet4j.testing.DrawnImages;
import org.densenet4j.weights.Model;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** A network with several exits from the command line: what each knows, and leaving by them. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EarlyExitsTest {
    private static final int EXITS = 5;

    @TempDir private static Path folder;
    private Path images;
    private Path run;
    private Captured trained;
    private List<Exit> exits;

    @BeforeAll
    void train() throws IOException {
        images = folder.resolve("images");
        DrawnImages.write(images, 4, 3, 24);
        run = folder.resolve("run");
        String options =
                "train --device cpu --threads 2 --deterministic --model msdnet-cifar100-budgeted"
                        + " --input-size 16 --batch 6 --epochs 1 --no-compare";
        List<String> arguments = new ArrayList<>(List.of(options.split(" ")));
        arguments.addAll(List.of("--data", "folder:" + images, "--out", run.toString()));
        trained = Captured.run(arguments).mustSucceed();
        try (Model model = Model.open(weights())) {
            exits = Exit.of(model.spec());
        }
    }

    private Path weights() {
        return run.resolve("checkpoint.safetensors");
    }

    private Captured with(String command, String... more) {
        List<String> arguments =
                new ArrayList<>(List.of(command, "--weights", weights().toString()));
        arguments.addAll(Arrays.asList(more));
        return Captured.run(arguments);
    }

    private Captured predict(String... more) {
        List<String> arguments = new ArrayList<>(List.of(more));
        arguments.add(images.resolve("val/disc").toString());
        return with("predict", arguments.toArray(String[]::new));
    }

    @Test
    void trainingTellsWhatEveryExitKnows() throws IOException {
        List<List<String>> lines =
                Files.readAllLines(run.resolve("metrics.csv")).stream()
                        .map(line -> List.of(line.split(",", -1)))
                        .toList();
        String evaluated =
                with("evaluate", "--data", "folder:" + images, "--anytime", "--json")
                        .mustSucceed()
                        .out();
        double sum = 0;
        StringBuilder shown = new StringBuilder("  exits");
        for (int exit = 1; exit <= EXITS; exit++) {
            double accuracy = number(lines, "test_accuracy exit" + exit);
            sum += number(lines, "test_loss exit" + exit);
            shown.append(String.format(Locale.ROOT, " %.1f", 100 * accuracy));
            String wanted = String.format(Locale.ROOT, "\"accuracy\" : %.4f", accuracy);
            assertTrue(evaluated.contains(wanted), exit + ": no " + wanted + " in " + evaluated);
        }
        assertEquals(number(lines, "test_loss"), sum, 1e-4);
        assertEquals(number(lines, "test_accuracy"), number(lines, "test_accuracy exit" + EXITS));
        assertTrue(trained.out().contains(shown + " %"), trained.out());
        String page = Files.readString(run.resolve("summary.html"));
        assertTrue(page.contains("Test accuracy of each exit"));
    }

    private static double number(List<List<String>> lines, String column) {
        return Double.parseDouble(lines.getLast().get(lines.getFirst().indexOf(column)));
    }

    @Test
    void imagesLeaveAtTheLastExitWithinABudget() {
        for (Exit exit : exits) {
            String out = predict("--within", "" + exit.multiplyAdds()).mustSucceed().out();
            String wanted = "(exit " + exit.number() + " of 5, ";
            assertEquals(3, out.lines().filter(line -> line.contains(wanted)).count(), out);
        }
        String whole = predict("--within", "10s").mustSucceed().out();
        String plain = predict().mustSucceed().out();
        assertEquals(plain, whole.replaceAll("  \\(exit 5 of 5, .* multiply-adds\\)", ""));
        String first = predict("--within", exits.getFirst().multiplyAdds() + "").out();
        assertFalse(first.contains(plain.lines().toList().get(1)), first);
    }

    @Test
    void imagesLeaveWhereTheNetworkIsSureEnough() {
        String out = predict("--confidence", "0.01", "--json").mustSucceed().out();
        assertEquals(4, out.split("\"exit\" : 1,", -1).length, out);
        assertTrue(out.contains("\"multiply_adds\" : " + exits.getFirst().multiplyAdds()), out);
        String[] images = predict("--confidence", "0.9", "--top", "1").out().split("(?m)^(?=\\S)");
        assertEquals(3, images.length);
        for (String image : images) {
            double percent =
                    Double.parseDouble(image.lines().toList().get(1).strip().split(" ")[0]);
            assertTrue(percent >= 90 || image.contains("(exit 5 of 5"), image);
        }
    }

    @Test
    void budgetsThatAreNoneAreRefusedInOneLine() {
        predict("--within", "1").mustRefuse("no exit comes within 1 multiply-adds", "takes");
        predict("--within", "soon").mustRefuse("--within soon", "50M", "5ms");
        predict("--within", "5ms", "--confidence", "0.5").mustRefuse("not both");
        predict("--confidence", "2").mustRefuse("--confidence 2.0", "up to 1");
        predict("--within", "5G", "--tta", "flip").mustRefuse("--tta");
        predict("--confidence", "0.5", "--sigmoid").mustRefuse("--within");
    }
}
