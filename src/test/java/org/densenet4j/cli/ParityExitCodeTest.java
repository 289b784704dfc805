package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import org.densenet4j.parity.RecordedCase;
import org.densenet4j.spec.Stem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code parity}: 0 when it holds, 1 on a mismatch, 2 on a bad file. */
class ParityExitCodeTest {
    private static final Path GOLDEN =
            Path.of("src/test/resources/golden/bc-k12-3x3x3.safetensors");

    @TempDir private Path temporary;

    @Test
    void zeroWhereEveryStrategyAgrees() {
        Captured run = Captured.run("parity", GOLDEN.toString(), "--device", "cpu");
        assertEquals(0, run.code(), run.out() + run.err());
        for (String strategy : new String[] {"NAIVE", "SHARED", "RECOMPUTE", "parity holds"}) {
            assertTrue(run.out().contains(strategy), run.out());
        }
    }

    @Test
    void oneWhereANumberDiffersAndTheGroupIsNamed() throws IOException {
        byte[] file = Files.readAllBytes(GOLDEN);
        long header = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        String json = new String(file, 8, (int) header, ISO_8859_1);
        Matcher m =
                Pattern.compile("\"eval\\.logits\":\\{[^}]*\"data_offsets\":\\[(\\d+),(\\d+)]")
                        .matcher(json);
        assertTrue(m.find(), json.substring(0, 500));
        int last = 8 + (int) header + Integer.parseInt(m.group(2)) - 1;
        file[last] ^= (byte) 0x80; // the sign of the last logit
        Path wrong = Files.write(temporary.resolve("wrong.safetensors"), file);
        Captured run =
                Captured.run("parity", wrong.toString(), "--strategy=SHARED", "--device=cpu");
        assertEquals(1, run.code(), run.out() + run.err());
        assertTrue(run.out().contains("MISMATCH   eval.logits"), run.out());
        assertTrue(run.out().contains("parity does not hold"), run.out());
    }

    @Test
    void twoOnABadFile() throws IOException {
        byte[] file = Files.readAllBytes(GOLDEN);
        Path bad = temporary.resolve("bad.safetensors");
        for (int size : new int[] {0, 5, 8, 1000, file.length - 1}) {
            Files.write(bad, Arrays.copyOf(file, size));
            Captured.run("parity", bad.toString()).mustRefuse("bad.safetensors");
        }
        Files.write(bad, Arrays.copyOf(file, file.length + 1));
        Captured.run("parity", bad.toString()).mustRefuse("bad.safetensors");
    }

    private static RecordedCase recorded() {
        return RecordedCase.of(RecordedCase.spec(Stem.SMALL, 4), 0, 7);
    }

    private Captured parity(RecordedCase recorded) throws IOException {
        Path file = recorded.write(temporary.resolve("case.safetensors"));
        return Captured.run("parity", file.toString(), "--strategy=SHARED", "--device=cpu");
    }

    @Test
    void zeroWhereKinksExplainWhatDiffers() throws IOException {
        Captured run = parity(RecordedCase.of(RecordedCase.spec(Stem.SMALL, 4), 3, 7));
        assertEquals(0, run.code(), run.out() + run.err());
        assertTrue(run.out().contains("ReLU inputs within rounding of zero"), run.out());
        assertTrue(run.out().contains("explained  train.grad"), run.out());
        assertTrue(run.out().contains("of tensors is explained above"), run.out());
    }

    @Test
    void oneWhereAGradientIsWrongBesideKinks() throws IOException {
        String name = "features.norm5.weight";
        RecordedCase wrong = RecordedCase.of(RecordedCase.spec(Stem.SMALL, 4), 3, 7);
        Captured run = parity(wrong.scale("train.grad." + name, 1.02));
        assertEquals(1, run.code(), run.out() + run.err());
        assertTrue(run.out().contains("MISMATCH   train.grad "), run.out());
        assertTrue(run.out().contains(name + "; the record is off"), run.out());
    }

    @Test
    void tensorsThatNothingIsComparedWithAreNamed() throws IOException {
        Captured run = parity(recorded().tensor("train.gradient", List.of(1), 1));
        assertEquals(0, run.code(), run.out() + run.err());
        assertTrue(run.out().contains("not compared: train.gradient\n"), run.out());
    }

    @Test
    void twoWhereTensorsAreMissing() throws IOException {
        for (String name :
                List.of(
                        "input",
                        "eval.logits",
                        "train.logits",
                        "train.loss",
                        "train.grad.input",
                        "train.grad.features.conv0.weight",
                        "train.running.features.norm5.running_var",
                        "weights.classifier.bias",
                        "weights.features.norm5.running_mean",
                        "sgd1.classifier.bias",
                        "sgd3.features.conv0.weight")) {
            parity(recorded().without(name)).mustRefuse("'" + name + "' is missing");
        }
        parity(recorded().without("sgd.losses")).mustRefuse("sgd.losses");
    }

    @Test
    void twoWhereShapesAreNotTheNetworks() throws IOException {
        for (String name :
                List.of(
                        "eval.logits",
                        "train.loss",
                        "train.grad.features.conv0.weight",
                        "train.grad.input",
                        "train.running.features.norm5.running_var",
                        "weights.classifier.bias",
                        "sgd3.features.conv0.weight")) {
            parity(recorded().tensor(name, List.of(2), 1, 2)).mustRefuse(name, "[2]");
        }
        parity(recorded().tensor("input", List.of(3, 3, 8, 7), new float[3 * 3 * 8 * 7]))
                .mustRefuse("input has shape");
        parity(recorded().tensor("sgd.losses", List.of(1), 1)).mustRefuse("sgd3", "sgd.losses");
        parity(recorded().tensor("sgd.losses", List.of(4), 1, 1, 1, 1)).mustRefuse("after step 4");
        parity(recorded().tensor("sgd.losses", List.of(), 1)).mustRefuse("sgd.losses");
    }

    @Test
    void twoWhereARecordedNumberIsNotFinite() throws IOException {
        for (String name :
                List.of(
                        "input",
                        "train.loss",
                        "train.grad.classifier.bias",
                        "weights.features.conv0.weight",
                        "sgd.losses",
                        "sgd3.classifier.bias")) {
            for (float value : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
                RecordedCase broken = recorded();
                broken.tensor(name)[0] = value;
                parity(broken).mustRefuse("'" + name + "' holds " + (double) value);
            }
        }
    }

    @Test
    void twoWhereNoiseIsOfNothingOrNoNumber() throws IOException {
        String noise = "noise.train.grad.classifier.bias";
        parity(recorded().tensor("noise.train.grad.classifier.bais", List.of(1), 0.1f))
                .mustRefuse("no tensor 'train.grad.classifier.bais'");
        parity(recorded().tensor(noise, List.of(2), 0.1f, 0.1f)).mustRefuse(noise, "one number");
        parity(recorded().tensor(noise, List.of(1), -1)).mustRefuse(noise, "from 0 up");
        parity(recorded().tensor(noise, List.of(1), Float.NaN)).mustRefuse(noise, "NaN");
    }

    @Test
    void twoWhereTypesAreWrong() throws IOException {
        float[] labels = new float[3];
        parity(recorded().tensor("labels", List.of(3), labels))
                .mustRefuse("labels are not one I64");
        byte[] file = Files.readAllBytes(recorded().write(temporary.resolve("typed.safetensors")));
        String text = new String(file, ISO_8859_1);
        String changed =
                text.replaceFirst(
                        "\"train.loss\":\\{\"dtype\":\"F32\"", "\"train.loss\":{\"dtype\":\"I32\"");
        assertTrue(!changed.equals(text));
        Path wrong =
                Files.write(temporary.resolve("typed.safetensors"), changed.getBytes(ISO_8859_1));
        Captured.run("parity", wrong.toString()).mustRefuse("'train.loss' does not hold floating");

        String half =
                text.replaceFirst(
                        "\"train.loss\":\\{\"dtype\":\"F32\",\"shape\":\\[1\\]",
                        "\"train.loss\":{\"dtype\":\"F16\",\"shape\":[2]");
        assertTrue(!half.equals(text));
        Files.write(wrong, half.getBytes(ISO_8859_1));
        Captured.run("parity", wrong.toString()).mustRefuse("'train.loss' is F16, too coarse");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            nullValues = "-",
            value = {
                "format | densenet-parity-2 | is not a parity case",
                "format | - | is not a parity case",
                "growth_rate | - | lacks 'growth_rate'",
                "growth_rate | 4.5 | not a whole number",
                "growth_rate | -4 | growthRate = -4",
                "growth_rate | 99999999999 | not a whole number",
                "growth_rate | 5 | has shape",
                "block_config | 2,,2 | not a whole number",
                "block_config | '' | not a whole number",
                "block_config | 2,2,2 | is missing",
                "num_init_features | many | not a whole number",
                "bn_size | -1 | bottleneckWidth = -1",
                "bn_size | 0 | has shape",
                "compression | NaN | not a number",
                "compression | 0 | compression = 0",
                "stem | large | not small or imagenet",
                "stem | imagenet | has shape",
                "num_classes | 0 | num_classes is 0",
                "num_classes | 2 | label",
                "input_size | 9 | input has shape",
                "bn_eps | Infinity | not a number",
                "bn_momentum | 2 | bnMomentum = 2",
                "lr | NaN | not a number",
                "lr | -1 | learning rate = -1",
                "momentum | x | not a number",
                "nesterov | maybe | not true or false",
                "weight_decay | 1e400 | not a number"
            })
    void twoWhereMetadataIsMissingOrNonsense(String key, String value, String words)
            throws IOException {
        parity(recorded().metadata(key, value)).mustRefuse("case.safetensors", words);
    }
}
