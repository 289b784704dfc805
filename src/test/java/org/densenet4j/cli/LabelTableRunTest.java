package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.Task;
import org.densenet4j.weights.Model;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

import javax.imageio.ImageIO;

/** Commands on images whose labels are in a table: several labels, numbers, or one class. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LabelTableRunTest {
    private static final int IMAGES = 40;

    @TempDir private static Path folder;

    /** Label "red" is whether an image has much red, "blue" the same, of some not known. */
    @BeforeAll
    void images() throws IOException {
        SplittableRandom random = new SplittableRandom(4);
        StringBuilder labels = new StringBuilder("image,patient,red,blue\n");
        StringBuilder numbers = new StringBuilder("image,brightness\n");
        StringBuilder classes = new StringBuilder("image,split,colour\n");
        StringBuilder parts = new StringBuilder("image,patient,split,red,blue\n");
        StringBuilder tests = new StringBuilder("image,patient,split,red,blue\n");
        for (int i = 0; i < IMAGES; i++) {
            int red = random.nextInt(2);
            int blue = random.nextInt(2);
            BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB);
            for (int p = 0; p < 64; p++) {
                image.setRGB(
                        p % 8, p / 8, (red * 200 + 20) << 16 | (blue * 200 + random.nextInt(40)));
            }
            ImageIO.write(image, "png", folder.resolve(i + ".png").toFile());
            String known = i % 5 == 0 ? "" : String.valueOf(blue);
            labels.append(i + ".png,p" + i / 2 + "," + red + "," + known + "\n");
            numbers.append(i + ".png," + (red + blue) + "\n");
            String part = i < 28 ? "train" : i < 36 ? "val" : "test";
            String line = i + ".png,p" + i / 2 + "," + part + "," + red + "," + blue + "\n";
            parts.append(line);
            tests.append(part.equals("test") ? line : "");
            classes.append(
                    i + ".png," + (i < 30 ? "train" : "val") + "," + (red == 1 ? "r" : "o") + "\n");
        }
        Files.writeString(folder.resolve("labels.csv"), labels);
        Files.writeString(folder.resolve("numbers.csv"), numbers);
        Files.writeString(folder.resolve("classes.csv"), classes);
        Files.writeString(folder.resolve("parts.csv"), parts);
        Files.writeString(folder.resolve("tests.csv"), tests);
    }

    @Test
    void whatIsForClassesAloneIsRefusedOfVectors() {
        Path out = folder.resolve("refused");
        List<String> labels =
                train(out, "labels.csv", "--task", "multilabel", "--group-column", "patient");
        List<String> balanced = new ArrayList<>(labels);
        balanced.addAll(List.of("--sampling", "balanced"));
        Captured.run(balanced).mustRefuse("--sampling balanced is for images of one");
        List<String> share = new ArrayList<>(labels);
        share.addAll(List.of("--val-share", "0.1"));
        Captured.run(share).mustRefuse("without --labels");
    }

    private List<String> train(Path out, String table, String... more) {
        Map<String, String> options = new LinkedHashMap<>();
        options.put("--data", "folder:" + folder);
        options.put("--labels", folder.resolve(table).toString());
        options.put("--model", "bc-10-4");
        options.put("--input-size", "8");
        options.put("--augment", "none");
        options.put("--batch", "8");
        options.put("--epochs", "2");
        options.put("--device", "cpu");
        options.put("--threads", "2");
        options.put("--out", out.toString());
        for (int i = 0; i < more.length; i += 2) {
            options.put(more[i], more[i + 1]);
        }
        List<String> arguments = new ArrayList<>(List.of("train", "--no-compare"));
        options.forEach((key, value) -> arguments.addAll(List.of(key, value)));
        return arguments;
    }

    @Test
    void severalLabelsAreTrainedEvaluatedPredictedAndResumed() throws IOException {
        Path run = folder.resolve("labels-run");
        Captured trained =
                Captured.run(
                                train(
                                        run,
                                        "labels.csv",
                                        "--task",
                                        "multilabel",
                                        "--group-column",
                                        "patient",
                                        "--positive-weights",
                                        "balanced"))
                        .mustSucceed();
        assertTrue(trained.out().contains("test mean AUROC "), trained.out());
        List<String> metrics = Files.readAllLines(run.resolve("metrics.csv"));
        assertTrue(
                metrics.getFirst().contains("test_auroc,test_average_precision,seconds"),
                metrics.getFirst());
        assertTrue(metrics.getFirst().endsWith("auroc red,auroc blue"), metrics.getFirst());
        List<String> outputs = Files.readAllLines(run.resolve("outputs.csv"));
        assertEquals("label,auroc,average_precision,with,without", outputs.getFirst());
        assertTrue(outputs.getLast().startsWith("mean,"), outputs.toString());
        assertTrue(Files.readString(run.resolve("summary.html")).contains("best mean AUROC"));
        String config = Files.readString(run.resolve("config.properties"));
        assertFalse(config.contains("balanced"), "the run goes on with the same numbers");

        Path weights = run.resolve("best.safetensors");
        try (Model model = Model.open(weights)) {
            assertEquals(Task.MULTILABEL, model.outputs().task());
            assertEquals(List.of("red", "blue"), model.classNames());
        }
        Captured evaluated =
                Captured.run(
                                "evaluate",
                                "--weights",
                                weights.toString(),
                                "--data",
                                "folder:" + folder,
                                "--labels",
                                folder.resolve("labels.csv").toString(),
                                "--label-columns", // the run tells by what it held images out
                                "red,blue",
                                "--json")
                        .mustSucceed();
        String mean =
                evaluated
                        .out()
                        .lines()
                        .filter(l -> l.contains("mean_auroc"))
                        .findFirst()
                        .orElseThrow();
        assertEquals(
                Double.parseDouble(outputs.getLast().split(",", -1)[1]),
                Double.parseDouble(mean.replaceAll("[^0-9.]", "")),
                1e-6,
                evaluated.out());
        Captured predicted =
                Captured.run(
                                "predict",
                                "--json",
                                "--weights",
                                weights.toString(),
                                folder.resolve("3.png").toString())
                        .mustSucceed();
        double sum = 0;
        for (String line :
                predicted.out().lines().filter(l -> l.contains("probability")).toList()) {
            sum += Double.parseDouble(line.replaceAll("[^0-9.eE-]", ""));
        }
        assertTrue(Math.abs(sum - 1) > 1e-4, "sigmoids of labels do not add up to 1");

        Captured resumed =
                Captured.run("train", "--no-compare", "--resume", run.toString(), "--epochs", "3")
                        .mustSucceed();
        assertTrue(resumed.out().contains("epoch 3/3"), resumed.out());
    }

    @Test
    void numbersAreEstimatedAndTheLowestErrorIsTheBest() throws IOException {
        Path run = folder.resolve("numbers-run");
        Captured trained =
                Captured.run(
                                train(
                                        run,
                                        "numbers.csv",
                                        "--task",
                                        "regress",
                                        "--loss",
                                        "huber",
                                        "--lr",
                                        "0.02"))
                        .mustSucceed();
        assertTrue(trained.out().contains("test mean absolute error "), trained.out());
        assertFalse(trained.out().contains("accuracy"), trained.out());
        List<String> metrics = Files.readAllLines(run.resolve("metrics.csv"));
        assertEquals(
                "epoch,steps,learning_rate,train_loss,test_loss,test_mae,seconds,images_per_second,"
                        + "input_wait,mae brightness",
                metrics.getFirst());
        Captured predicted =
                Captured.run(
                                "predict",
                                "--weights",
                                run.resolve("best.safetensors").toString(),
                                folder.resolve("3.png").toString())
                        .mustSucceed();
        assertTrue(predicted.out().contains("  brightness"), predicted.out());
        assertFalse(predicted.out().contains("%"), predicted.out());
        Captured evaluated =
                Captured.run(
                                "evaluate",
                                "--weights",
                                run.resolve("best.safetensors").toString(),
                                "--data",
                                "folder:" + folder,
                                "--labels",
                                folder.resolve("numbers.csv").toString())
                        .mustSucceed();
        assertTrue(evaluated.out().contains("mean error"), evaluated.out());
    }

    private Captured evaluated(Path weights, String table, String... more) {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "evaluate",
                                "--json",
                                "--group-column",
                                "patient",
                                "--weights",
                                weights.toString(),
                                "--data",
                                "folder:" + folder,
                                "--labels",
                                folder.resolve(table).toString()));
        arguments.addAll(List.of(more));
        return Captured.run(arguments).mustSucceed();
    }

    private static void assertImages(int expected, String json) {
        assertTrue(json.matches("(?s).*\"images\" ?: ?" + expected + ",.*"), json);
    }

    @Test
    void aColumnOfPartsDividesATableAndEveryPartCanBeMeasured() throws IOException {
        Path run = folder.resolve("parts-run");
        String[] options = {
            "--task", "multilabel", "--group-column", "patient", "--best-by", "ap", "--epochs", "1"
        };
        Captured trained = Captured.run(train(run, "parts.csv", options)).mustSucceed();
        assertTrue(trained.out().contains("28 training and 8 test images"), trained.out());
        Path best = run.resolve("best.safetensors");
        assertImages(8, evaluated(best, "parts.csv").out());
        String tests = evaluated(best, "parts.csv", "--subset", "test").out();
        assertImages(4, tests);
        assertEquals(tests, evaluated(best, "tests.csv").out());

        Path drawn = folder.resolve("drawn-run");
        List<String> half = train(drawn, "parts.csv", options);
        half.addAll(List.of("--hold-out", "0.5"));
        String said = Captured.run(half).mustSucceed().out();
        assertTrue(said.contains("20 training and 20 test images"), said);
        half.set(half.indexOf("--out") + 1, folder.resolve("refused").toString());
        half.addAll(List.of("--split-column", "split"));
        Captured.run(half).mustRefuse("give one of them");

        Path one = folder.resolve("one-label-run");
        List<String> fewer = train(one, "parts.csv", options);
        fewer.addAll(List.of("--weights", best.toString(), "--label-columns", "red"));
        fewer.addAll(List.of("--positive-weights", "balanced"));
        Captured.run(fewer).mustSucceed();
        String weights = Files.readString(one.resolve("config.properties"));
        assertTrue(weights.matches("(?s).*positive-weights = [0-9.]+, ?1\\.0.*"), weights);
    }

    @Test
    void groupsInBothPartsAndTestsOfOneKindAreRefusedBeforeTraining() throws IOException {
        Path out = folder.resolve("refused");
        String all = Files.readString(folder.resolve("parts.csv"));
        Files.writeString(folder.resolve("mixed.csv"), all.replaceAll(",p\\d+,", ",p0,"));
        Captured.run(train(out, "mixed.csv", "--task", "multilabel", "--group-column", "patient"))
                .mustRefuse("images whose 'patient' is p0 are among those to train on and");
        Files.writeString(
                folder.resolve("one-kind.csv"), all.replaceAll("(p\\d+,val),.*", "$1,1,0"));
        Captured.run(
                        train(
                                out,
                                "one-kind.csv",
                                "--task",
                                "multilabel",
                                "--group-column",
                                "patient"))
                .mustRefuse("so that there is no mean AUROC; hold other images out");
        refused(out, "--huber-delta is for --loss huber", "--huber-delta", "2");
        assertFalse(Files.exists(out));
    }

    @Test
    void aColumnOfClassesWithBalancedWeightsAndFocus() {
        Path run = folder.resolve("classes-run");
        Captured trained =
                Captured.run(
                                train(
                                        run,
                                        "classes.csv",
                                        "--class-weights",
                                        "balanced",
                                        "--focus",
                                        "2",
                                        "--best-by",
                                        "loss",
                                        "--label-smoothing",
                                        "0.1"))
                        .mustSucceed();
        assertTrue(trained.out().contains("30 training and 10 test images"), trained.out());
        assertTrue(trained.out().contains("test loss "), trained.out());
        assertTrue(Files.exists(run.resolve("confusion.csv")));
    }

    @Test
    void aRunOnMixedImagesGoesOnBitByBit() throws IOException {
        Path whole = folder.resolve("mixed-same");
        Path cut = folder.resolve("mixed-cut");
        String[] mixed = {"--mixup", "0.2", "--cutmix", "1", "--threads", "1"};
        List<String> half = train(cut, "classes.csv", mixed);
        half.add("--deterministic");
        half.set(half.indexOf("--epochs") + 1, "1");
        half.addAll(List.of("--schedule", "constant", "--warm-up", "0"));
        Captured.run(half).mustSucceed();
        List<String> same = train(whole, "classes.csv", mixed);
        same.add("--deterministic");
        same.addAll(List.of("--schedule", "constant", "--warm-up", "0"));
        Captured.run(same).mustSucceed();
        Captured.run("train", "--no-compare", "--resume", cut.toString(), "--epochs", "2")
                .mustSucceed();
        try (Model resumed = Model.open(cut.resolve("checkpoint.safetensors"));
                Model once = Model.open(whole.resolve("checkpoint.safetensors"))) {
            assertArrayEquals(
                    once.values("classifier.weight"), resumed.values("classifier.weight"));
        }
    }

    @Test
    void whatDoesNotFitIsRefusedInOneLine() {
        Path out = folder.resolve("refused");
        refused(
                out,
                "the task multilabel needs the labels",
                "--task",
                "multilabel",
                "--labels",
                "");
        refused(
                out,
                "'train' of 'split' is no number",
                "--task",
                "regress",
                "--label-columns",
                "split");
        refused(out, "has no column 'green'", "--task", "multilabel", "--label-columns", "green");
        refused(out, "positive-weights = 1,0: 0 is not above 0", "--positive-weights", "1,0");
        refused(
                out,
                "--positive-weights is for the task multilabel; this one is classify",
                "--positive-weights",
                "1,2");
        refused(
                out,
                "3 class weights are given, the network has 2 outputs",
                "--class-weights",
                "1,2,3");
        refused(out, "--best-by auroc does not fit the task classify", "--best-by", "auroc");
        refused(out, "mixup = -1.0: use a number above 0", "--mixup", "-1");
        refused(out, "--hold-out 1.5: use a number above 0", "--hold-out", "1.5");
        Captured.run("train", "--data", "glyphs", "--task", "regress", "--out", out.toString())
                .mustRefuse("the task regress needs the labels of each image");
        Captured.run("train", "--hold-out", "0.3", "--out", out.toString())
                .mustRefuse("--hold-out is for --labels FILE.csv");
        assertFalse(Files.exists(out));
    }

    private void refused(Path out, String reason, String... options) {
        List<String> arguments = train(out, "classes.csv", options);
        int labels = arguments.indexOf("--labels");
        if (arguments.get(labels + 1).isEmpty()) {
            arguments.subList(labels, labels + 2).clear();
        }
        Captured.run(arguments).mustRefuse(reason);
    }
}
