package org.densenet4j.parity;

import org.densenet4j.engine.SgdStep;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.ParameterSpec.Role;
import org.densenet4j.io.Safetensors;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.Initialiser;
import org.densenet4j.testing.RecordedNetworks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * What PyTorch computed of a full-sized network, and the network and the batch by the formulas that
 * {@code scripts/record_network_summaries.py} states.
 */
final class RecordedSummary implements AutoCloseable {
    private static final Path FOLDER = Path.of("src/test/resources/golden/networks");
    private static final int CHANNELS = 3;

    /** Elements that are recorded of a tensor. */
    static final int ELEMENTS = 4;

    private final Safetensors file;
    private final Map<String, String> metadata;
    private final Initialiser initialiser;

    private RecordedSummary(Safetensors file) {
        this.file = file;
        this.metadata = file.metadata();
        this.initialiser = Initialiser.seeded(Long.parseLong(metadata.get("seed")));
    }

    static RecordedSummary open(String network) throws IOException {
        return new RecordedSummary(
                Safetensors.open(FOLDER.resolve(network + "-summary.safetensors")));
    }

    /** Names of trained tensors, or of running statistics, in the order of the record's lists. */
    List<String> names(boolean trained) throws IOException {
        return RecordedNetworks.tensors(metadata.get("network")).stream()
                .map(line -> line.split("\t"))
                .filter(fields -> fields[2].equals("parameter") == trained)
                .map(fields -> fields[0])
                .toList();
    }

    double[] values(String name) {
        return file.tensor(name).toDoubles();
    }

    /** The optimiser's step. */
    SgdStep sgd() {
        return SgdStep.of(number("lr"))
                .withMomentum(number("momentum"), Boolean.parseBoolean(metadata.get("nesterov")))
                .withWeightDecay(number("weight_decay"), true);
    }

    private double number(String key) {
        return Double.parseDouble(metadata.get(key));
    }

    private int integer(String key) {
        return Integer.parseInt(metadata.get(key));
    }

    /** The preset of this name, without dropout, for the recorded images. */
    FamilySpec spec() {
        FamilySpec.Builder builder =
                FamilySpec.preset(metadata.get("network"))
                        .classes(integer("classes"))
                        .inputSize(integer("height"), integer("width"));
        return builder instanceof FcDenseNetSpec.Builder b ? b.dropout(0).build() : builder.build();
    }

    int batch() {
        return integer("batch");
    }

    /** Numbers between -1 and 1 that follow from a tensor's name. */
    double[] drawn(String tensor, int count) {
        float[] drawn = new float[count];
        initialiser.fill(ParameterSpec.of(tensor, Role.LINEAR_WEIGHT, count, 1), drawn);
        return Difference.toDoubles(drawn);
    }

    RecordedObjective objective() {
        return metadata.containsKey("targets")
                ? new RecordedObjective.OfTargets(this)
                : new RecordedObjective.OfLabels(this);
    }

    /** The images, which the formula counts as elements of [batch, 3, height, width]. */
    CaseBatch images() {
        int count = batch() * CHANNELS * integer("height") * integer("width");
        double[] values = PixelOrder.ofImages(spec()).channelsLast(drawn("input", count));
        return new CaseBatch(batch(), values, labels());
    }

    /** A class for each image, or for each pixel, where it is negative for none. */
    private int[] labels() {
        int images = batch();
        int classes = integer("classes");
        if (!metadata.containsKey("void_label")) {
            int[] labels = new int[images];
            for (int n = 0; n < images; n++) {
                labels[n] = 37 * n % classes;
            }
            return labels;
        }
        int height = integer("height");
        int width = integer("width");
        int[] labels = new int[images * height * width];
        for (int i = 0; i < labels.length; i++) {
            int n = i / (height * width);
            int y = i / width % height;
            int x = i % width;
            int label = (5 * (y / 7) + 3 * (x / 9) + n) % (classes + 1);
            labels[i] = label == classes ? -1 : label;
        }
        return labels;
    }

    /** The value of a parameter before the first step. */
    float[] parameter(ParameterSpec p) {
        float[] values = new float[Math.toIntExact(p.count())];
        if (p.role().isWeight()) {
            initialiser.fill(new ParameterSpec(p.name(), p.shape(), Role.CONV_WEIGHT), values);
        } else {
            for (int i = 0; i < values.length; i++) {
                values[i] =
                        p.role() == Role.BN_WEIGHT || p.role() == Role.LN_WEIGHT
                                ? 0.75f + i % 8 / 16f
                                : (i % 5 - 2) / 8f;
            }
        }
        String quarter = metadata.get("quarter");
        if (quarter != null && p.name().endsWith(quarter)) {
            for (int i = 0; i < values.length; i++) {
                values[i] /= 4;
            }
        }
        return values;
    }

    /**
     * Elements of a tensor that a record has: all, with zeros behind, or as many as there is room
     * for.
     */
    static double[] samples(double[] tensor, int count) {
        double[] samples = new double[count];
        for (int j = 0; j < count; j++) {
            if (tensor.length > count) {
                samples[j] = tensor[(int) ((2L * j + 1) * tensor.length / (2L * count))];
            } else if (j < tensor.length) {
                samples[j] = tensor[j];
            }
        }
        return samples;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
