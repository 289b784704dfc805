package org.densenet4j.weights;

import org.densenet4j.io.ElementType;
import org.densenet4j.io.Tensor;
import org.densenet4j.io.TensorDescription;
import org.densenet4j.io.TensorFile;
import org.densenet4j.io.caffe.CaffeModel;
import org.densenet4j.spec.DsodSpec;
import org.densenet4j.spec.SpecMetadata;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A Caffe model of a DSOD (Shen et al. 2017, arXiv 1708.01241) as a file of ours: tensors by our
 * names, with the network, the normalisation and, where they are known, the names of the classes as
 * metadata, since Caffe saves the settings of all layers. Owns the file.
 */
final class CaffeDsod implements TensorFile {
    /** Where the file does not tell the size of images, which weights do not depend on. */
    private static final List<Long> USUAL_SIZE = List.of(300L, 300L);

    private final Path path;
    private final CaffeModel model;
    private final Map<String, CaffeTensor> tensors;
    private final Map<String, String> metadata;
    private volatile boolean closed;

    private CaffeDsod(
            Path path,
            CaffeModel model,
            Map<String, CaffeTensor> tensors,
            Map<String, String> metadata) {
        this.path = path;
        this.model = model;
        this.tensors = tensors;
        this.metadata = metadata;
    }

    /**
     * Opens a file that {@link CaffeModel#recognises}.
     *
     * @throws IOException in one line when it is broken, or of another network
     */
    @SuppressWarnings("MustBeClosedChecker") // the model passes to the returned object
    static CaffeDsod open(Path path) throws IOException {
        CaffeModel model = CaffeModel.open(path);
        try {
            CaffeImages images = new CaffeImages(path, model);
            List<Long> size = images.size().orElse(USUAL_SIZE);
            CaffeDsodLayers layers =
                    new CaffeDsodLayers(path, model, side(size.get(0)), side(size.get(1)));
            DsodSpec spec = layers.spec();
            Map<String, String> metadata = new LinkedHashMap<>(SpecMetadata.of(spec));
            metadata.putAll(images.metadata(spec.inputChannels(), spec.classes()).entries());
            CaffeDsod file = new CaffeDsod(path, model, layers.tensors(), Map.copyOf(metadata));
            model = null;
            return file;
        } finally {
            if (model != null) {
                model.close();
            }
        }
    }

    /** What is no side of an image is refused by the spec. */
    private static int side(long side) {
        return side < 0 || side > Integer.MAX_VALUE ? -1 : (int) side;
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(tensors.keySet());
    }

    @Override
    public boolean contains(String name) {
        return tensors.containsKey(name);
    }

    private CaffeTensor find(String name) {
        CaffeTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new IllegalArgumentException("the file has no tensor named '" + name + "'");
        }
        return tensor;
    }

    @Override
    public TensorDescription describe(String name) {
        return new TensorDescription(ElementType.F32, find(name).shape());
    }

    @Override
    public Tensor tensor(String name) {
        CaffeTensor tensor = find(name);
        if (closed) {
            throw new IllegalStateException(path + " is closed");
        }
        return Tensor.of(name, tensor.shape(), tensor.values().get());
    }

    @Override
    public Map<String, String> unreadable() {
        return Map.of();
    }

    @Override
    public Map<String, String> metadata() {
        return metadata;
    }

    @Override
    public void close() {
        closed = true;
        model.close();
    }
}
