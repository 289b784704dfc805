package org.densenet4j.cli;

import org.densenet4j.io.Checksum;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.io.Tensor;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Weights that do not record the names of their classes, as those of others. */
final class UnnamedWeights {
    private UnnamedWeights() {}

    /** Copies a file of this project without the names. */
    static Path copy(Path named, Path to) throws IOException {
        SafetensorsWriter copy = new SafetensorsWriter();
        try (Safetensors file = Safetensors.open(named)) {
            file.metadata().entrySet().stream()
                    .filter(entry -> !List.of("classes", Checksum.KEY).contains(entry.getKey()))
                    .forEach(entry -> copy.metadata(entry.getKey(), entry.getValue()));
            for (String name : file.names()) {
                Tensor tensor = file.tensor(name);
                List<Integer> shape = tensor.shape().stream().map(Math::toIntExact).toList();
                copy.floats(name, shape, tensor::toFloats);
            }
            copy.sealed().write(to);
        }
        return to;
    }
}
