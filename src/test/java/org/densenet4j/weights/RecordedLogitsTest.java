package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.Tensor;
import org.densenet4j.io.pth.PthWriter;
import org.densenet4j.spec.ResNetSpec;
import org.densenet4j.spec.SpecMetadata;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * PyTorch's logits from a state dict: ResNets are recognised by names and shapes alone, and all
 * compute in evaluation what the network that the weights are of has computed in double precision.
 */
class RecordedLogitsTest {
    private static final String WEIGHTS = "weights.";
    private static final double TOLERANCE = 1e-5;

    @TempDir private Path folder;

    private static Path recorded(String network) throws URISyntaxException {
        String name = "/golden/networks/" + network + "-small.safetensors";
        return Path.of(
                Objects.requireNonNull(RecordedLogitsTest.class.getResource(name), name).toURI());
    }

    private static List<Integer> shape(Tensor tensor) {
        return tensor.shape().stream().map(Math::toIntExact).toList();
    }

    private Path stateDict(Safetensors recorded) throws IOException {
        PthWriter writer = new PthWriter(List.of("state_dict"), false);
        for (String name : recorded.names()) {
            if (name.startsWith(WEIGHTS)) {
                Tensor tensor = recorded.tensor(name);
                String own = "module." + name.substring(WEIGHTS.length());
                writer.floats(own, shape(tensor), tensor.toFloats());
            }
        }
        return writer.writeZip(folder.resolve("state-dict.pth"));
    }

    /** [count, channels, pixels] as [count, pixels, channels]. */
    private static float[] channelsLast(Tensor tensor) {
        List<Integer> shape = shape(tensor);
        float[] values = tensor.toFloats();
        int count = shape.get(0);
        int channels = shape.get(1);
        int pixels = values.length / count / channels;
        float[] last = new float[values.length];
        for (int n = 0; n < count; n++) {
            for (int c = 0; c < channels; c++) {
                for (int p = 0; p < pixels; p++) {
                    last[(n * pixels + p) * channels + c] = values[(n * channels + c) * pixels + p];
                }
            }
        }
        return last;
    }

    /** Shapes tell no pool of a deep stem, and not that statistics are those of the batch. */
    private static Model open(Path path, Safetensors recorded) throws IOException {
        NetworkSpec spec = SpecMetadata.read(recorded.metadata(), recorded.names().size());
        return spec instanceof ResNetSpec
                ? Model.open(path)
                : Model.open(path, spec, LoadOptions.strict());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "densenetd",
                "densenetblurd",
                "fc-densenet",
                "resnet-basic",
                "resnet-bottleneck",
                "cifar-resnet",
                "cifar-preresnet",
                "cifar-preresnet-bottleneck"
            })
    void aStateDictGivesTheLogitsOfItsNetwork(String network) throws Exception {
        try (Safetensors recorded = Safetensors.open(recorded(network))) {
            Path path = stateDict(recorded);
            Tensor input = recorded.tensor("input");
            List<Integer> sides = shape(input);
            int count = sides.getFirst();
            try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
                    Model opened = open(path, recorded)) {
                Model model = opened.withInputSize(sides.get(2), sides.get(3));
                float[] found = RandomModel.logits(device, model, channelsLast(input), count);
                Tensor logits = recorded.tensor("eval.logits");
                double error = RandomModel.error(channelsLast(logits), found);
                assertTrue(error < TOLERANCE, model.spec() + ": " + error);
            }
        }
    }
}
