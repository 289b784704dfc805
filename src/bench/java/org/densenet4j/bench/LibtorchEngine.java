package org.densenet4j.bench;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.weights.Model;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/** libtorch in a variant; images are tensors already, in the layout and type that it wants. */
final class LibtorchEngine implements InferenceEngine {
    private final Tensor[] images = new Tensor[LatencyFiles.BATCHES];
    private final PeerNetwork network;
    private final int floats;

    LibtorchEngine(
            LatencyFiles files, DenseNetSpec spec, int batch, PeerVariant variant, int threads)
            throws IOException {
        torch.set_num_threads(threads);
        HiddenCaches.replaceWhereHidden();
        Graph graph = spec.graph();
        LibtorchWeights weights = new LibtorchWeights(graph, variant, values(files, graph));
        this.network = PeerNetwork.of(spec, weights, variant);
        this.floats = batch * spec.classes();
        long[] sizes = {batch, spec.inputChannels(), spec.inputHeight(), spec.inputWidth()};
        for (int i = 0; i < images.length; i++) {
            float[] values =
                    LatencyFiles.array(LatencyFiles.images(files.channelsFirst(), spec, batch, i));
            images[i] = weights.images(Tensor.create(values, sizes));
            images[i].retainReference();
        }
    }

    private static Map<String, float[]> values(LatencyFiles files, Graph graph) throws IOException {
        Map<String, float[]> values = new HashMap<>();
        try (Model model = Model.open(files.weights())) {
            for (ParameterSpec p : graph.parameters()) {
                values.put(p.name(), model.values(p.name()));
            }
            for (ParameterSpec p : graph.runningStatistics()) {
                values.put(p.name(), model.values(p.name()));
            }
        }
        return values;
    }

    @Override
    public float[] logits(int number) {
        try (PointerScope scope = new PointerScope();
                InferenceMode mode = new InferenceMode(true)) {
            float[] logits = new float[floats];
            network.infer(images[number]).getFirst().data_ptr_float().get(logits);
            return logits;
        }
    }

    @Override
    public void close() {
        // Its memory ends with the process, as libtorch's own threads do.
    }
}
