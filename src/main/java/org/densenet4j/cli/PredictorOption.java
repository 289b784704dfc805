package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.Outputs;
import org.densenet4j.data.Resizing;
import org.densenet4j.data.Task;
import org.densenet4j.inference.OutputActivation;
import org.densenet4j.inference.Predictor;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.LabelKind;
import org.densenet4j.weights.LoadOptions;
import org.densenet4j.weights.Model;

import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Options that name a trained network; shared by all commands that use one. */
final class PredictorOption {
    /** A quarter of 1/255, which makes values of 0 to 255 of pixels. */
    private static final float LEAST_DEVIATION = 0.001f;

    @Option(
            names = "--weights",
            paramLabel = "FILE",
            required = true,
            description =
                    "a checkpoint or export of densenet4j, or weights of torchvision or timm"
                            + " (safetensors, .pth), or of a DSOD in Caffe (.caffemodel)")
    private Path weights;

    @Mixin private WeightsKeyOption weightsKey;

    @Option(
            names = "--model",
            paramLabel = "NAME",
            description =
                    "the network: densenet121, bc-100-12, ... (default: what the file says, else what the"
                            + " shapes of its tensors say)")
    private String model;

    @Option(
            names = "--input-size",
            paramLabel = "N|HxW",
            converter = ImageSize.Converter.class,
            description = "height and width that images are brought to (default: as trained)")
    private ImageSize inputSize;

    @Mixin private ResizingOption resizing;

    @Option(
            names = "--classes-file",
            paramLabel = "FILE",
            description = "names of the classes, one a line, for weights that record none")
    private Path classesFile;

    @Option(
            names = "--mean",
            paramLabel = "R,G,B",
            split = ",",
            description = "of pixel values in 0..1 (default: as recorded, else the usual ones)")
    private float[] mean;

    @Option(
            names = "--std",
            paramLabel = "R,G,B",
            split = ",",
            description = "deviation of pixel values in 0..1, per channel")
    private float[] deviation;

    @Option(
            names = "--task",
            paramLabel = "NAME",
            description =
                    "what outputs say: CLASSIFY, MULTILABEL, REGRESS or SEGMENT (default: as the"
                            + " weights record it, else one class of each image or pixel)")
    private Task task;

    @Option(
            names = "--ignore-unexpected",
            description = "load although the file has tensors of no use here")
    private boolean ignoreUnexpected;

    /** For picocli. */
    PredictorOption() {}

    /** The files that are read. */
    List<Path> inputs() throws IOException {
        List<Path> files = WeightsFiles.of(weights);
        if (classesFile != null) {
            files.add(classesFile);
        }
        return files;
    }

    /** Opens the file. */
    Model model() throws IOException {
        FamilySpec wanted = model == null ? null : FamilySpec.preset(model).build();
        Model opened =
                Model.open(
                        weights,
                        wanted,
                        weightsKey.in(LoadOptions.strict().withIgnoreUnexpected(ignoreUnexpected)));
        try {
            return adjusted(opened);
        } catch (IOException | IllegalArgumentException e) {
            opened.close();
            throw e;
        }
    }

    private Model adjusted(Model opened) throws IOException {
        Model result = opened;
        if (inputSize != null) {
            result = result.withInputSize(inputSize.height(), inputSize.width());
        }
        if (resizing.isGiven()) {
            result =
                    result.withResizing(
                            resizing.or(result.images().resizing().orElse(Resizing.DEFAULT)));
        }
        if (classesFile != null) {
            ClassesFile names = ClassesFile.read(classesFile, result.spec().classes());
            List<String> recorded = result.images().classNames().orElse(null);
            if (recorded == null) {
                result = result.withClassNames(names.use());
            } else {
                names.requireSame(weights, recorded);
            }
        }
        if (task != null && task != result.outputs().task()) {
            result = result.withOutputs(Outputs.of(task));
        }
        if ((mean == null) != (deviation == null)) {
            throw new IllegalArgumentException("--mean and --std belong together");
        }
        if (mean != null) {
            int channels = result.spec().inputChannels();
            if (mean.length != channels || deviation.length != channels) {
                throw new IllegalArgumentException(
                        "--mean and --std need " + channels + " numbers each");
            }
            checkScale();
            result = result.withNormalisation(new Normalisation(mean, deviation));
        }
        return result;
    }

    /** Other tools have pixels from 0 to 255, or constants of another kind. */
    private void checkScale() {
        for (float m : mean) {
            if (m > 1) {
                throw new IllegalArgumentException(
                        "--mean has " + m + ", and pixel values are 0 to 1: divide by 255");
            }
            if (!(m >= 0)) {
                throw new IllegalArgumentException(
                        "--mean has " + m + ", and pixel values are 0 to 1");
            }
        }
        for (float d : deviation) {
            if (d > 1) {
                throw new IllegalArgumentException(
                        "--std has " + d + ", and pixel values are 0 to 1: divide by 255");
            }
            if (!(d >= LEAST_DEVIATION)) {
                throw new IllegalArgumentException(
                        "--std has "
                                + d
                                + ": too small for pixel values from 0 to 1; use "
                                + LEAST_DEVIATION
                                + " or more");
            }
        }
    }

    /**
     * Refuses to bring images to another size, where their pixels are classified, or boxes are of
     * one size.
     */
    void requireNoInputSize(Model opened) {
        if (inputSize != null) {
            LabelKind kind = LabelKind.of(opened.spec());
            throw new IllegalArgumentException(
                    "--input-size is for networks that classify images; '"
                            + opened.spec().name()
                            + "' "
                            + kind.network()
                            + (kind == LabelKind.OF_PIXELS
                                    ? ", and images keep their size; leave it out"
                                    : " of the sizes that it was trained on; leave it out"));
        }
    }

    /** Opens a predictor of a model of this. */
    Predictor open(Model opened, Device device, int batch) throws IOException {
        requireNormalisation(opened);
        return Predictor.of(opened).device(device).batch(batch).open();
    }

    /** Opens a predictor of a model of this with other outputs than probabilities of one class. */
    Predictor open(Model opened, Device device, int batch, OutputActivation activation)
            throws IOException {
        requireNormalisation(opened);
        return Predictor.of(opened).device(device).batch(batch).activation(activation).open();
    }

    /** Refuses a model of this that does not know how images are normalised. */
    void requireNormalisation(Model opened) throws IOException {
        if (!opened.hasNormalisation()) {
            throw new IOException(weights + ": " + Model.UNKNOWN_NORMALISATION);
        }
    }

    /**
     * Opens a predictor on a device for what networks that classify pixels do not have; these are
     * refused before any memory is taken.
     *
     * @param wanted what it is opened for, such as "embeddings"
     */
    Predictor openFor(String wanted, Device device, int batch) throws IOException {
        try (Model opened = model()) {
            LabelKind kind = LabelKind.of(opened.spec());
            if (kind != LabelKind.OF_IMAGES) {
                throw new IllegalArgumentException(
                        "the network '"
                                + opened.spec().name()
                                + "' "
                                + kind.network()
                                + " and has no "
                                + wanted
                                + (kind == LabelKind.OF_PIXELS
                                        ? "; predict writes masks of its classes"
                                        : "; predict draws boxes around them"));
            }
            return open(opened, device, batch);
        }
    }
}
