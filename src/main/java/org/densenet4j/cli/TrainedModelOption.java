package org.densenet4j.cli;

import org.densenet4j.spec.FamilySpec;
import org.densenet4j.weights.LoadOptions;
import org.densenet4j.weights.Model;

import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;

/** Options that choose a trained network to look into. */
final class TrainedModelOption {
    @Option(
            names = {"--checkpoint", "--weights"},
            paramLabel = "FILE",
            required = true,
            description =
                    "a checkpoint or export of this project, or weights of torchvision or timm"
                            + " (safetensors, .pth), or of a DSOD in Caffe (.caffemodel)")
    private Path checkpoint;

    @Mixin private WeightsKeyOption weightsKey;

    @Option(
            names = "--model",
            paramLabel = "NAME",
            description =
                    "the network, such as densenet121 (default: what the file says, else what the"
                            + " shapes of its tensors say)")
    private String model;

    /** For picocli. */
    TrainedModelOption() {}

    Path file() {
        return checkpoint;
    }

    /** The folder of the file, where reports about it go. */
    Path folder() {
        return checkpoint.toAbsolutePath().getParent();
    }

    /** How the file is loaded. */
    LoadOptions options() {
        return weightsKey.in(LoadOptions.strict());
    }

    /** Opens and checks the file. */
    Model open() throws IOException {
        FamilySpec spec = model == null ? null : FamilySpec.preset(model).build();
        return Model.open(checkpoint, spec, options());
    }
}
