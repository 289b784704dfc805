package org.densenet4j.api;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Batch;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.SegmentationBatch;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.engine.SgdStep;
import org.densenet4j.inference.HeatMap;
import org.densenet4j.inference.ImagePreparation;
import org.densenet4j.inference.InferenceNetwork;
import org.densenet4j.inference.Predictor;
import org.densenet4j.inference.Segmenter;
import org.densenet4j.insight.PruneReport;
import org.densenet4j.insight.Ranking;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.testing.FilledImages;
import org.densenet4j.testing.Refusals;
import org.densenet4j.train.Recipe;
import org.densenet4j.train.RunFolder;
import org.densenet4j.train.Trainer;
import org.densenet4j.train.TrainingRun;
import org.densenet4j.weights.LoadOptions;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.OnnxOptions;
import org.densenet4j.weights.SafetensorsExport;
import org.densenet4j.weights.Weights;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Calls that what is open, or closed, cannot do are refused in one line that says what can be done.
 */
class WrongCallsTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(10, 4).classes(2).inputSize(8, 8).build();
    private static final Image PIXEL = new Image(1, 1, 3, new byte[3]);
    private static final Batch BATCH = new Batch(new float[2 * 192], new int[] {0, 1}, 8, 8, 3);

    @TempDir private Path folder;
    private final Dataset two = new FilledImages(2, 8, List.of("a", "b"), (index, bytes) -> {});
    private final Pass pass = new Pass(2, Mode.TRAIN, 1, 1);
    private Refusals refusals;
    private Device device;
    private Device other;
    private Trainer trainer;
    private Network network;
    private Path file;
    private Model model;
    private Predictor predictor;

    @BeforeEach
    void open() throws IOException {
        refusals = new Refusals(folder);
        device = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
        other = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
        trainer = Trainer.of(SPEC, device).batch(2).inputGradient(true).open();
        network = trainer.network();
        file = folder.resolve("w.safetensors");
        trainer.save(file);
        model = Model.open(file);
        predictor = Predictor.of(model).device(device).batch(2).open();
    }

    @AfterEach
    void close() {
        predictor.close();
        model.close();
        trainer.close();
        other.close();
        device.close();
    }

    private static float[] notANumber() {
        float[] image = new float[192];
        image[7] = Float.NaN;
        return image;
    }

    @Test
    void trainers() throws Exception {
        refusals.refuses(
                "IllegalArgumentException: batch = 0: use 1 or more images",
                () -> Trainer.of(SPEC, device).batch(0));
        refusals.refuses(
                "IllegalArgumentException: accumulate = 0: use 1 or more micro-batches",
                () -> Trainer.of(SPEC, device).accumulate(0));
        refusals.refuses(
                "IllegalArgumentException: label smoothing = 1.0: use a number from 0 to below 1",
                () -> Trainer.of(SPEC, device).labelSmoothing(1));
        refusals.refuses(
                "IllegalArgumentException: gradient norm = -1.0: use a positive number, or 0 for no clipping",
                () -> Trainer.of(SPEC, device).clipGradients(-1));
        refusals.refuses(
                "IllegalArgumentException: memory budget = -1 bytes: use a positive number of bytes",
                () -> Trainer.of(SPEC, device).memoryBudget(-1));
        refusals.refuses(
                "IllegalArgumentException: memory budget = 0 bytes: use a positive number of bytes",
                () -> Trainer.of(SPEC, device).memoryBudget(0));
        refusals.refuses(
                "IllegalArgumentException: learning rate = -1.0: use a finite number that is not negative",
                () -> trainer.learningRate(-1));
        refusals.refuses(
                "IllegalArgumentException: images = 0: a pass has 1 or more",
                () -> trainer.nextPass(0));
        refusals.refuses(
                "IllegalArgumentException: images = 3: a pass of this trainer has 1 to 2",
                () -> trainer.nextPass(3));
        refusals.refuses(
                "IllegalStateException: there are no gradients to update by; call network().backward() after zeroGradients() and before each update()",
                () -> trainer.update());
        refusals.refuses(
                "IllegalArgumentException: the batch has 3 images, the trainer was opened for 2",
                () -> trainer.step(new Batch(new float[3 * 192], new int[3], 8, 8, 3)));
        refusals.refuses(
                "IllegalArgumentException: the network takes images of 8x8x3, the batch has 3x3x3",
                () -> trainer.step(new Batch(new float[2 * 27], new int[2], 3, 3, 3)));
        refusals.refuses(
                "IllegalArgumentException: label 2 of image 1 is not in 0..1",
                () -> trainer.step(new Batch(new float[2 * 192], new int[] {0, 2}, 8, 8, 3)));
        refusals.refuses(
                "IllegalArgumentException: label -1 of image 1 is not in 0..1",
                () -> trainer.step(new Batch(new float[2 * 192], new int[] {0, -1}, 8, 8, 3)));
        refusals.refuses(
                "IllegalArgumentException: the network classifies images, the batch has a label for each pixel; use a Batch",
                () ->
                        trainer.step(
                                new SegmentationBatch(
                                        new float[192],
                                        new int[64],
                                        new int[1],
                                        8,
                                        8,
                                        3,
                                        ImageMetadata.NONE)));
        refusals.refuses(
                "IllegalArgumentException: logits: room for 3 of 2 images and 2 classes, 4 values",
                () -> trainer.evaluate(BATCH, new float[3]));
        refusals.refuses(
                "SafetensorsException: FOLDER/none: no such file",
                () -> trainer.load(folder.resolve("none")));
        refusals.refuses(
                "IOException: cannot write FOLDER/no/dir: there is no folder FOLDER/no",
                () -> trainer.save(folder.resolve("no/dir")));
        refusals.check();
    }

    @Test
    void loopsOfOnesOwn() throws Exception {
        refusals.refuses(
                "IllegalArgumentException: a batch of 0 images does not fit the plan, which is for 1 to 2",
                () -> network.input(new float[0], 0));
        refusals.refuses(
                "IllegalArgumentException: a batch of 3 images does not fit the plan, which is for 1 to 2",
                () -> network.input(new float[999], 3));
        refusals.refuses(
                "IllegalArgumentException: 2 images of 8x8x3 are 384 floats, the array has 9",
                () -> network.input(new float[9], 2));
        refusals.refuses(
                "IllegalStateException: there are no images yet; copy a batch in with input() before the pass",
                () -> network.forward(pass));
        network.input(new float[384], 2);
        refusals.refuses(
                "IllegalStateException: the pass has 1 images, input() was given 2",
                () -> network.forward(new Pass(1, Mode.TRAIN, 1, 1)));
        refusals.refuses(
                "IllegalStateException: there is no forward pass to go on from; call forward() after input(), and again after each backward()",
                () -> network.backward(pass));
        refusals.refuses("IllegalStateException: there are no logits yet", () -> network.logits(2));
        refusals.refuses(
                "IllegalStateException: there are no gradients of the input yet",
                () -> network.inputGradient(2));
        refusals.refuses(
                "IllegalStateException: there are no losses yet; call loss(), trainingPass() or evaluationPass() before outcome()",
                () -> network.outcome(pass, 2));
        network.forward(pass);
        refusals.refuses(
                "IllegalStateException: the logits have no gradient yet; call loss() or logitsGradient() before backward()",
                () -> network.backward(pass));
        refusals.refuses(
                "IllegalStateException: there are logits of 2 images, not of 3",
                () -> network.logits(3));
        refusals.refuses(
                "IllegalArgumentException: logits of -1 images: use 1 or more",
                () -> network.logits(-1));
        refusals.refuses(
                "IllegalArgumentException: no head has the name 'x'; there is head",
                () -> network.logits("x", 2));
        refusals.refuses(
                "IllegalArgumentException: gradient has 3 values, 2x2 are needed",
                () -> network.logitsGradient(new float[3], 2));
        refusals.refuses(
                "IllegalArgumentException: a batch of 3 images does not fit the plan, which is for 1 to 2",
                () -> network.logitsGradient(new float[9], 3));
        refusals.refuses(
                "IllegalArgumentException: labels: 1 for a pass of 2 images",
                () -> network.loss(pass, new int[1], 0, 2));
        refusals.refuses(
                "IllegalArgumentException: label 5 of image 1 is not in 0..1",
                () -> network.loss(pass, new int[] {0, 5}, 0, 2));
        refusals.refuses(
                "IllegalArgumentException: smoothing = 1.0: use a number from 0 to below 1",
                () -> network.loss(pass, new int[2], 1, 2));
        refusals.refuses(
                "IllegalArgumentException: meanOver = 0: use 1 or more images",
                () -> network.loss(pass, new int[2], 0, 0));
        refusals.refuses(
                "IllegalStateException: an evaluation pass has no backward pass; use TRAIN, or FROZEN for fixed batch-norm statistics",
                () -> network.trainingPass(new Pass(2, Mode.EVALUATE, 1, 1), new int[2], 0, 2));
        refusals.refuses(
                "IllegalArgumentException: an evaluation pass is of the mode EVALUATE, this one is Pass[images=2, mode=TRAIN, seed=1, step=1]",
                () -> network.evaluationPass(pass, new int[2], 2));
        refusals.refuses(
                "IllegalArgumentException: the network has no tensor named 'x'",
                () -> network.parameter("x"));
        refusals.refuses(
                "IllegalArgumentException: classifier.bias has 2 values [2], not 1",
                () -> network.parameter("classifier.bias", new float[1]));
        refusals.refuses(
                "IllegalArgumentException: the network has no tensor named 'x'",
                () -> network.gradient("x"));
        refusals.refuses(
                "IllegalArgumentException: the network has no tensor named 'x'",
                () -> network.runningStatistic("x", new float[0]));
        refusals.refuses(
                "IllegalArgumentException: 1 class names for a network with 2",
                () -> network.classNames(List.of("a")));
        refusals.refuses(
                "IllegalArgumentException: rate = NaN: use a finite number that is not negative",
                () -> SgdStep.of(Double.NaN));
        refusals.refuses(
                "IllegalArgumentException: momentum = -1.0: use a finite number that is not negative",
                () -> SgdStep.of(0.1).withMomentum(-1, false));
        refusals.refuses(
                "IllegalArgumentException: images = 0: a pass has 1 or more",
                () -> new Pass(0, Mode.TRAIN, 0, 0));
        refusals.refuses(
                "IllegalArgumentException: the plan was made for another device (cpu); plan on the device that it is opened on",
                () -> Network.open(trainer.plan(), other, 1));
        refusals.check();
    }

    @Test
    void weights() throws Exception {
        refusals.refuses(
                "IllegalArgumentException: FOLDER/w.safetensors: has no tensor for 'x' of the network",
                () -> model.values("x"));
        refusals.refuses(
                "IllegalArgumentException: 1 class names for a network with 2",
                () -> model.withClassNames(List.of("a")));
        refusals.refuses(
                "IllegalArgumentException: inputSize = 0: use a number from 1 to 1048576",
                () -> model.withInputSize(0, 1));
        refusals.refuses(
                "IllegalStateException: the weights do not record how images were normalised; give --mean and --std, or Model.withNormalisation, and save with Trainer.Builder.images",
                () -> model.normalisation());
        refusals.refuses(
                "IllegalArgumentException: a normalisation of 1 channels for a network with 3",
                () -> model.withNormalisation(Normalisation.none(1)));
        refusals.refuses(
                "IOException: FOLDER/zzz: no such file", () -> Model.open(folder.resolve("zzz")));
        refusals.refuses(
                "IllegalArgumentException: opset = 3: use 13 to 22",
                () -> OnnxOptions.defaults().withOpset(3));
        refusals.check();
    }

    @Test
    void predictors() throws Exception {
        ImagePreparation preparation = ImagePreparation.of(SPEC, Normalisation.CIFAR10);
        refusals.refuses(
                "IllegalArgumentException: batch = 0: use 1 or more images",
                () -> Predictor.of(model).batch(0));
        refusals.refuses(
                "IllegalArgumentException: memory budget = -1 bytes: use a positive number of bytes",
                () -> Predictor.of(model).memoryBudget(-1));
        refusals.refuses(
                "IllegalArgumentException: the network 'bc-10-4' classifies images, not pixels; Predictor and Evaluation do that",
                () -> Segmenter.of(model).open());
        refusals.refuses(
                "IllegalArgumentException: memory budget = 0 bytes: use a positive number of bytes",
                () -> Segmenter.of(model).memoryBudget(0));
        refusals.refuses(
                "IllegalArgumentException: 1 images of 8x8x3 are 192 floats, the array has 1",
                () -> predictor.logits(new float[1], 1));
        refusals.refuses(
                "IllegalArgumentException: count = -1: use 0 or more images",
                () -> predictor.logits(new float[1], -1));
        refusals.refuses(
                "IllegalArgumentException: no head has the name 'x'; there is head",
                () -> predictor.logits("x", new float[192], 1));
        refusals.refuses(
                "IllegalArgumentException: image 0 has a pixel that is infinite or no number",
                () -> predictor.logits(notANumber(), 1));
        refusals.refuses(
                "IllegalArgumentException: k = 0: use 1 or more classes",
                () -> predictor.classify(new float[192], 1, 0));
        refusals.refuses(
                "IllegalArgumentException: the network 'bc-10-4' classifies images, not pixels; ask for the class of an image",
                () -> predictor.pixelClasses(new float[192], 1));
        refusals.refuses(
                "IllegalStateException: the weights do not record how images were normalised; give --mean and --std, or Model.withNormalisation, and save with Trainer.Builder.images",
                () -> predictor.classify(PIXEL, 1));
        refusals.refuses(
                "IllegalArgumentException: class 2 is not in 0..1",
                () -> predictor.heatMap(new float[192], 2));
        refusals.refuses(
                "IllegalArgumentException: 1 images of 8x8x3 are 192 floats, the array has 2",
                () -> predictor.heatMap(new float[2], 0));
        refusals.refuses(
                "IllegalArgumentException: out: 192 floats from 0 on, the array has 3",
                () -> preparation.prepare(PIXEL, new float[3], 0));
        refusals.refuses(
                "IllegalArgumentException: out: 192 floats from -1 on, the array has 192",
                () -> preparation.prepare(PIXEL, new float[192], -1));
        refusals.refuses(
                "IllegalArgumentException: a normalisation of 1 channels for images of 3",
                () -> ImagePreparation.of(SPEC, Normalisation.none(1)));
        refusals.refuses(
                "IllegalArgumentException: a map of 1x1 does not have 2 values",
                () -> new HeatMap(0, 1, 1, new float[2]));
        refusals.refuses(
                "IllegalArgumentException: class -2: use 0 or more",
                () -> new HeatMap(-2, 0, 1, new float[0]));
        refusals.check();
    }

    @Test
    void inferenceNetworks() throws Exception {
        InferencePlan plan = InferencePlan.of(SPEC).batch(2).on(device);
        try (InferenceNetwork inference = InferenceNetwork.open(plan, device, model)) {
            refusals.refuses(
                    "IllegalStateException: there are no results yet; call forward() before",
                    () -> inference.logits(1, new float[2], 0));
            refusals.refuses(
                    "IllegalArgumentException: a batch of 3 images does not fit the plan, which is for 1 to 2",
                    () -> inference.forward(new float[3 * 192], 0, 3));
            refusals.refuses(
                    "IllegalArgumentException: images: 384 floats from 0 on, the array has 192",
                    () -> inference.forward(new float[192], 0, 2));
            refusals.refuses(
                    "IllegalArgumentException: images: 192 floats from -192 on, the array has 192",
                    () -> inference.forward(new float[192], -1, 1));
            inference.forward(new float[384], 0, 2);
            refusals.refuses(
                    "IllegalArgumentException: target: 4 floats from 0 on, the array has 2",
                    () -> inference.logits(2, new float[2], 0));
            refusals.refuses(
                    "IllegalArgumentException: target: 4 floats from -1 on, the array has 4",
                    () -> inference.logits(2, new float[4], -1));
            refusals.refuses(
                    "IllegalStateException: the last pass had 2 images, not 3",
                    () -> inference.logits(3, new float[9], 0));
            refusals.refuses(
                    "IllegalArgumentException: target: 18 floats from 0 on, the array has 2",
                    () -> inference.embeddings(2, new float[2], 0));
            refusals.refuses(
                    "IllegalStateException: the last pass had 2 images, not 3",
                    () -> inference.classMaps(2));
            refusals.refuses(
                    "IllegalArgumentException: image -1, count = 1: use 0 or more, and 1 or more",
                    () -> inference.classMaps(-1));
            refusals.refuses(
                    "IllegalArgumentException: the plan was made for another device (cpu); plan on the device that it is opened on",
                    () -> InferenceNetwork.open(plan, other, model));
        }
        refusals.check();
    }

    @Test
    void runs() throws Exception {
        try (RunFolder runFolder = RunFolder.create(folder.resolve("run"))) {
            TrainingRun run = TrainingRun.of(trainer, Recipe.preset("cifar"), runFolder);
            refusals.refuses(
                    "IllegalArgumentException: no setting 'x'; did you mean 'lr'?",
                    () -> Recipe.preset("cifar").with(Map.of("x", "y")));
            refusals.refuses(
                    "IllegalArgumentException: epochs = -1: use 1 or more",
                    () -> Recipe.preset("cifar").with(Map.of("epochs", "-1")));
            refusals.refuses(
                    "IllegalArgumentException: classes = 0: use a number from 1 to 1048576",
                    () -> Recipe.preset("cifar").spec(0).build());
            refusals.refuses(
                    "IOException: FOLDER/run is in use by another run; wait for it or stop it",
                    () -> RunFolder.create(folder.resolve("run")));
            refusals.refuses(
                    "IllegalStateException: give the run its data before it trains",
                    () -> run.train());
            refusals.refuses(
                    "IllegalArgumentException: loader threads = 0: use a number from 1 to 256",
                    () -> run.loaderThreads(0));
            refusals.refuses(
                    "IllegalArgumentException: save every -1 steps: use a positive number, or 0 for each epoch",
                    () -> run.saveEvery(-1));
            refusals.refuses(
                    "IllegalArgumentException: there are no training images",
                    () ->
                            run.data(
                                    new FilledImages(0, 8, List.of("a", "b"), (i, px) -> {}),
                                    two,
                                    Normalisation.CIFAR10));
            refusals.refuses(
                    "IllegalArgumentException: share = 2.0: use numbers above 0 and up to 1",
                    () -> PruneReport.of(network, Ranking.WEIGHT, List.of(2.0), () -> List.of()));
            refusals.refuses(
                    "IllegalArgumentException: tolerance = NaN: use a difference of accuracy, such as 0.005",
                    () ->
                            new PruneReport(Ranking.WEIGHT, List.of(), List.of())
                                    .largestWithin(Double.NaN));
        }
        refusals.check();
    }

    @Test
    void closedThings() throws Exception {
        InferencePlan plan = InferencePlan.of(SPEC).batch(2).on(device);
        InferenceNetwork inference = InferenceNetwork.open(plan, device, model);
        RunFolder runFolder = RunFolder.create(folder.resolve("run"));
        for (AutoCloseable each : List.of(other, inference, runFolder, predictor, model, trainer)) {
            each.close();
            each.close(); // once more is allowed
        }
        refusals.refuses(
                "IllegalStateException: the device is closed; plan on one that is open",
                () -> MemoryPlan.of(SPEC).on(other));
        refusals.refuses(
                "IllegalStateException: the device is closed; plan on one that is open",
                () -> Trainer.of(SPEC, other).open());
        refusals.refuses(
                "IllegalStateException: the device is closed; plan on one that is open",
                () -> Predictor.of(model).device(other).open());
        refusals.refuses(
                "IllegalStateException: the device is closed",
                () -> other.forEachChunk(1, (lane, chunk) -> {}));
        refusals.refuses(
                "IllegalStateException: the device is closed", () -> other.allocate(64, 0, 64));
        refusals.refuses(
                "IllegalStateException: the network is closed",
                () -> inference.forward(new float[192], 0, 1));
        refusals.refuses(
                "IllegalStateException: the network is closed",
                () -> inference.logits(1, new float[2], 0));
        refusals.refuses(
                "IllegalStateException: the predictor is closed",
                () -> predictor.logits(new float[192], 1));
        refusals.refuses(
                "IllegalStateException: the predictor is closed",
                () -> predictor.classify(new float[192], 1, 1));
        refusals.refuses(
                "IllegalStateException: the predictor is closed",
                () -> predictor.heatMap(new float[192], 0));
        refusals.refuses(
                "IllegalStateException: FOLDER/w.safetensors is closed",
                () -> model.values("classifier.bias"));
        refusals.refuses(
                "IllegalStateException: FOLDER/w.safetensors is closed",
                () -> Predictor.of(model).device(device).open());
        refusals.refuses(
                "IllegalStateException: FOLDER/w.safetensors is closed",
                () -> SafetensorsExport.write(model, folder.resolve("e")));
        refusals.refuses(
                "IllegalStateException: the run folder FOLDER/run is closed",
                () ->
                        TrainingRun.of(trainer, Recipe.preset("cifar"), runFolder)
                                .data(two, two, Normalisation.CIFAR10)
                                .train());
        refusals.refuses("IllegalStateException: the network is closed", () -> trainer.step(BATCH));
        refusals.refuses(
                "IllegalStateException: the network is closed", () -> trainer.evaluate(BATCH));
        refusals.refuses(
                "IllegalStateException: the network is closed",
                () -> trainer.save(folder.resolve("s")));
        refusals.refuses("IllegalStateException: the network is closed", () -> trainer.load(file));
        refusals.refuses("IllegalStateException: the network is closed", () -> trainer.update());
        refusals.refuses("IllegalStateException: the network is closed", () -> trainer.nextPass(1));
        refusals.refuses(
                "IllegalStateException: the network is closed",
                () -> network.input(new float[192], 1));
        refusals.refuses(
                "IllegalStateException: the network is closed",
                () -> network.parameter("classifier.bias"));
        refusals.refuses(
                "IllegalStateException: the network is closed",
                () -> Weights.load(file, network, LoadOptions.strict()));
        refusals.check();
    }
}
