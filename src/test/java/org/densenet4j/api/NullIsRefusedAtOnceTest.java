package org.densenet4j.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.ChunkTask;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceMemoryException;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.DeviceUse;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.data.AnnotatedImage;
import org.densenet4j.data.Augmentation;
import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Box;
import org.densenet4j.data.CentreCrop;
import org.densenet4j.data.ClassMask;
import org.densenet4j.data.ClassPalette;
import org.densenet4j.data.CocoFile;
import org.densenet4j.data.ColourJitter;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.DecodeOptions;
import org.densenet4j.data.DetectionAugmentation;
import org.densenet4j.data.DetectionBatch;
import org.densenet4j.data.DetectionDataset;
import org.densenet4j.data.DetectionLoader;
import org.densenet4j.data.GlyphScenes;
import org.densenet4j.data.Glyphs;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.ImageView;
import org.densenet4j.data.Interpolation;
import org.densenet4j.data.LabelCounts;
import org.densenet4j.data.LabelledBox;
import org.densenet4j.data.LabelledImage;
import org.densenet4j.data.Mixing;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.OutputScores;
import org.densenet4j.data.Outputs;
import org.densenet4j.data.PhotometricDistortion;
import org.densenet4j.data.RandAugment;
import org.densenet4j.data.RandomErasing;
import org.densenet4j.data.RandomResizedCrop;
import org.densenet4j.data.RelabelledDataset;
import org.densenet4j.data.Resizing;
import org.densenet4j.data.SegmentationBatch;
import org.densenet4j.data.SegmentationClasses;
import org.densenet4j.data.SegmentationDataset;
import org.densenet4j.data.SegmentationFolder;
import org.densenet4j.data.SegmentationLoader;
import org.densenet4j.data.SegmentationScores;
import org.densenet4j.data.Shapes;
import org.densenet4j.data.Task;
import org.densenet4j.data.VocAnnotation;
import org.densenet4j.data.VocFolder;
import org.densenet4j.detection.CocoResults;
import org.densenet4j.detection.CocoScores;
import org.densenet4j.detection.Detection;
import org.densenet4j.detection.DetectionOutput;
import org.densenet4j.detection.MultiBoxLoss;
import org.densenet4j.detection.NonMaximumSuppression;
import org.densenet4j.detection.PriorGrid;
import org.densenet4j.detection.Priors;
import org.densenet4j.detection.VocScores;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.engine.LossFunction;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.OperationListener;
import org.densenet4j.engine.Pass;
import org.densenet4j.engine.SgdStep;
import org.densenet4j.engine.Targets;
import org.densenet4j.graph.Addition;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.GraphJson;
import org.densenet4j.graph.Initialisation;
import org.densenet4j.graph.L2Norm;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.PixelLogits;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.TransitionDown;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.graph.Window;
import org.densenet4j.inference.EmbeddingsWriter;
import org.densenet4j.inference.Evaluation;
import org.densenet4j.inference.Exit;
import org.densenet4j.inference.ExitThresholds;
import org.densenet4j.inference.HeatMap;
import org.densenet4j.inference.HeatMapOverlay;
import org.densenet4j.inference.ImagePreparation;
import org.densenet4j.inference.InferenceNetwork;
import org.densenet4j.inference.OutputActivation;
import org.densenet4j.inference.Predictor;
import org.densenet4j.inference.TestTimeAugmentation;
import org.densenet4j.insight.FeatureReuse;
import org.densenet4j.insight.FeatureReuseReport;
import org.densenet4j.insight.PruneReport;
import org.densenet4j.insight.PruneReportFiles;
import org.densenet4j.insight.Ranking;
import org.densenet4j.insight.Scale;
import org.densenet4j.io.AtomicFile;
import org.densenet4j.io.Checksum;
import org.densenet4j.io.Csv;
import org.densenet4j.io.FailureReason;
import org.densenet4j.io.FiniteValues;
import org.densenet4j.io.JsonList;
import org.densenet4j.io.OneLine;
import org.densenet4j.io.OutputFolder;
import org.densenet4j.io.OutputRule;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.io.SmallText;
import org.densenet4j.io.Tensor;
import org.densenet4j.io.TensorFile;
import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.ParameterLayout;
import org.densenet4j.plan.Phase;
import org.densenet4j.plan.Summary;
import org.densenet4j.plan.TargetKind;
import org.densenet4j.profile.Ceilings;
import org.densenet4j.profile.Comparison;
import org.densenet4j.profile.ComparisonReport;
import org.densenet4j.profile.OperationCost;
import org.densenet4j.profile.PolynomialFit;
import org.densenet4j.profile.Profile;
import org.densenet4j.profile.ProfileReport;
import org.densenet4j.profile.Profiler;
import org.densenet4j.profile.PublishedError;
import org.densenet4j.profile.StepTrace;
import org.densenet4j.profile.Timing;
import org.densenet4j.profile.WarmedSteps;
import org.densenet4j.report.Figure;
import org.densenet4j.report.HtmlPage;
import org.densenet4j.report.Table;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.Initialiser;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.spec.ResNetSpec;
import org.densenet4j.spec.SpecMetadata;
import org.densenet4j.spec.Stem;
import org.densenet4j.testing.FilledImages;
import org.densenet4j.train.BestBy;
import org.densenet4j.train.Checkpoint;
import org.densenet4j.train.Recipe;
import org.densenet4j.train.RunFolder;
import org.densenet4j.train.SettingsFile;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;
import org.densenet4j.train.TrainingListener;
import org.densenet4j.train.TrainingRun;
import org.densenet4j.weights.LoadOptions;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.OnnxExport;
import org.densenet4j.weights.OnnxOptions;
import org.densenet4j.weights.RandomModel;
import org.densenet4j.weights.WeightFile;
import org.densenet4j.weights.WeightSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntToLongFunction;
import java.util.function.Supplier;

/**
 * Null, for each parameter of each call to the engine, is refused by the parameter's name before
 * anything else happens: not by what fails later, and not by a message that only the JVM made.
 */
class NullIsRefusedAtOnceTest {
    private static final List<Class<?>> CLASSES =
            List.of(
                    DenseNetSpec.class,
                    DenseNetSpec.Builder.class,
                    FcDenseNetSpec.class,
                    FcDenseNetSpec.Builder.class,
                    FamilySpec.class,
                    SpecMetadata.class,
                    ResNetSpec.class,
                    ResNetSpec.Builder.class,
                    NetworkShape.class,
                    Graph.class,
                    Graph.Builder.class,
                    Features.class,
                    Columns.class,
                    Norm.class,
                    Drops.class,
                    Window.class,
                    Read.class,
                    Read.Raw.class,
                    Read.Normalised.class,
                    Read.Activated.class,
                    Read.L2Normalised.class,
                    ConvolutionLayer.class,
                    PooledConvolution.class,
                    BottleneckLayer.class,
                    Transition.class,
                    TransitionDown.class,
                    TransitionUp.class,
                    Pooling.class,
                    Addition.class,
                    Classifier.class,
                    PixelClassifier.class,
                    PixelLogits.class,
                    L2Norm.class,
                    ParameterSpec.class,
                    Initialiser.class,
                    MemoryPlan.class,
                    MemoryPlan.Builder.class,
                    InferencePlan.class,
                    InferencePlan.Builder.class,
                    Summary.class,
                    Bytes.class,
                    Device.class,
                    DeviceOptions.class,
                    DeviceUse.class,
                    DataType.class,
                    Network.class,
                    Pass.class,
                    SgdStep.class,
                    Trainer.class,
                    Trainer.Builder.class,
                    Sgd.class,
                    Checkpoint.class,
                    Recipe.class,
                    RunFolder.class,
                    SettingsFile.class,
                    TrainingRun.class,
                    Predictor.class,
                    Predictor.Builder.class,
                    InferenceNetwork.class,
                    Evaluation.class,
                    Exit.class,
                    ExitThresholds.class,
                    HeatMapOverlay.class,
                    ImagePreparation.class,
                    Batch.class,
                    BatchLoader.class,
                    AnnotatedImage.class,
                    Box.class,
                    CocoFile.class,
                    DetectionAugmentation.class,
                    DetectionBatch.class,
                    DetectionLoader.class,
                    GlyphScenes.class,
                    LabelledBox.class,
                    PhotometricDistortion.class,
                    VocAnnotation.class,
                    VocFolder.class,
                    CocoResults.class,
                    CocoScores.class,
                    Detection.class,
                    DetectionOutput.class,
                    MultiBoxLoss.class,
                    NonMaximumSuppression.class,
                    PriorGrid.class,
                    Priors.class,
                    VocScores.class,
                    SegmentationBatch.class,
                    SegmentationClasses.class,
                    SegmentationFolder.class,
                    SegmentationFolder.Builder.class,
                    SegmentationLoader.class,
                    SegmentationScores.class,
                    LabelCounts.class,
                    LabelledImage.class,
                    ClassMask.class,
                    ClassPalette.class,
                    Shapes.class,
                    Normalisation.class,
                    Augmentation.class,
                    ImageMetadata.class,
                    FeatureReuse.class,
                    FeatureReuseReport.class,
                    PruneReport.class,
                    PruneReportFiles.class,
                    Profiler.class,
                    Profile.class,
                    ProfileReport.class,
                    OperationCost.class,
                    Ceilings.class,
                    StepTrace.class,
                    Image.class,
                    CentreCrop.class,
                    RelabelledDataset.class,
                    Stem.class,
                    LoadOptions.class,
                    OnnxExport.class,
                    EmbeddingsWriter.class,
                    HtmlPage.class,
                    Table.class,
                    Csv.class,
                    AtomicFile.class,
                    OutputFolder.class,
                    Safetensors.class,
                    SafetensorsWriter.class,
                    PolynomialFit.class,
                    Timing.class,
                    ComparisonReport.class,
                    PublishedError.class,
                    WarmedSteps.class,
                    Figure.class,
                    Glyphs.class,
                    GraphJson.class,
                    WeightFile.class,
                    Checksum.class,
                    FailureReason.class,
                    FiniteValues.class,
                    JsonList.class,
                    OneLine.class,
                    OutputRule.class,
                    SmallText.class);

    /** What the documentation says may be null. */
    private static final Set<String> NULLABLE =
            Set.of(
                    "Trainer.step next",
                    "Augmentation crop",
                    "Augmentation randAugment",
                    "Augmentation erasing",
                    "Augmentation.withRandAugment value",
                    "Augmentation.withErasing value",
                    "MemoryPlan.Builder.precision type",
                    "InferencePlan.Builder.precision type",
                    "Trainer.Builder.precision type",
                    "Trainer.Builder.averageWeights value",
                    "Predictor.Builder.precision type",
                    "Profiler.profile failure",
                    "Profile.of failure");

    /** Records that only the project itself makes: their components may be missing. */
    private static final Set<Class<?>> RESULTS =
            Set.of(
                    Profile.class,
                    PruneReport.class,
                    Evaluation.class,
                    StepTrace.class,
                    PublishedError.class,
                    Recipe.class);

    @TempDir private Path folder;
    private final Map<Class<?>, Object> samples = new HashMap<>();
    private final Deque<AutoCloseable> opened = new ArrayDeque<>();

    private <T> void sample(Class<T> type, T value) {
        samples.put(type, value);
        if (value instanceof AutoCloseable closeable) {
            opened.push(closeable);
        }
    }

    private static Dataset eightGreyImages() {
        return new FilledImages(
                8, 8, List.of("a", "b", "c"), (index, pixels) -> Arrays.fill(pixels, (byte) 9));
    }

    @BeforeEach
    void opens() throws IOException {
        DenseNetSpec spec = DenseNetSpec.bc(10, 4).classes(3).inputSize(8, 8).build();
        Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
        sample(Device.class, device);
        Path file = new RandomModel(spec, 1).write(folder.resolve("model.safetensors"));
        MemoryPlan plan = MemoryPlan.of(spec).batch(2).on(device);
        InferencePlan inference = InferencePlan.of(spec).batch(2).on(device);
        Trainer trainer = Trainer.of(spec, device).batch(2).open();
        Model model = Model.open(file);
        sample(Trainer.class, trainer);
        sample(Model.class, model);
        sample(ClassPalette.class, Shapes.shapeClasses().palette());
        sample(WeightSource.class, model);
        sample(Predictor.class, Predictor.of(model).device(device).open());
        sample(InferenceNetwork.class, InferenceNetwork.open(inference, device, model));
        sample(Network.class, Network.open(plan, device, 1));
        sample(RunFolder.class, RunFolder.create(folder.resolve("run")));
        sample(Profiler.class, Profiler.attach(trainer, device));
        Recipe recipe = Recipe.preset("glyphs");
        Dataset data = eightGreyImages();
        FeatureReuse reuse = FeatureReuse.of(model);
        sample(NetworkSpec.class, spec);
        sample(DenseNetSpec.class, spec);
        sample(DenseNetSpec.Builder.class, spec.toBuilder());
        sample(FamilySpec.class, spec);
        sample(FcDenseNetSpec.class, FcDenseNetSpec.fcDenseNet56().build());
        sample(FcDenseNetSpec.Builder.class, FcDenseNetSpec.builder());
        sample(ResNetSpec.class, ResNetSpec.cifar(8).build());
        sample(ResNetSpec.Builder.class, ResNetSpec.builder());
        sample(ResNetSpec.Unit.class, ResNetSpec.Unit.BASIC);
        sample(ResNetSpec.Shortcut.class, ResNetSpec.Shortcut.PROJECTED);
        Graph graph = spec.graph();
        Columns columns = graph.features().getFirst().all();
        Norm norm = new Norm("norm", 1e-5, 0.1);
        sample(Graph.class, graph);
        sample(Graph.Builder.class, Graph.builder("graph", 8, 8, 3));
        sample(Features.class, columns.of());
        sample(Columns.class, columns);
        sample(Columns[].class, new Columns[] {columns});
        sample(Norm.class, norm);
        sample(L2Norm.class, L2Norm.of("l2norm"));
        sample(PixelLogits.class, new PixelLogits("logits", Read.raw(columns)));
        sample(Drops.class, Drops.NOTHING);
        sample(Window.class, Window.THREE);
        sample(Read.class, Read.raw(columns));
        sample(Read.Raw.class, Read.raw(columns));
        sample(Read.Normalised.class, Read.normalisedRelu(norm, columns));
        sample(Read.Activated.class, Read.activated(columns));
        sample(Pooling.Kind.class, Pooling.Kind.MAX);
        sample(Node.class, graph.nodes().getFirst());
        Read raw = Read.raw(columns);
        sample(
                Pooling.class,
                new Pooling("pool", raw, Pooling.Kind.AVERAGE, Window.POINT, columns));
        sample(Addition.class, new Addition("sum", raw, raw, false, columns));
        sample(Initialisation.class, Initialisation.RESNET);
        sample(NetworkShape.class, NetworkShape.of(spec));
        sample(ParameterSpec.class, NetworkShape.of(spec).parameters().getFirst());
        sample(ParameterSpec.Role.class, ParameterSpec.Role.BN_BIAS);
        sample(Initialiser.class, Initialiser.seeded(1));
        sample(Stem.class, Stem.SMALL);
        sample(MemoryPlan.class, plan);
        sample(MemoryPlan.Builder.class, MemoryPlan.of(spec).batch(2));
        sample(InferencePlan.class, inference);
        sample(InferencePlan.Builder.class, InferencePlan.of(spec).batch(2));
        sample(ParameterLayout.class, plan.memory().parameterLayout());
        sample(MemoryStrategy.class, MemoryStrategy.SHARED);
        sample(Phase.class, Phase.FORWARD);
        sample(DeviceOptions.class, DeviceOptions.defaults());
        sample(DataType.class, DataType.FLOAT32);
        sample(GemmShape.class, new GemmShape(1, 1, 1, 1, 1, 1, false, false, false));
        sample(ConvolutionShape.class, new ConvolutionShape(1, 2, 2, 1, 1, 1, 1, 0));
        sample(PointwiseShape.class, new PointwiseShape(1, 1, 1, DataType.FLOAT32));
        sample(ChunkTask.class, (lane, chunk) -> {});
        sample(CpuIsa.class, CpuIsa.BEST);
        sample(DeviceMemoryException.class, new DeviceMemoryException("cpu", 1, 1, null));
        samples.put(DeviceUse.class, new DeviceUse("test", device));
        sample(Mode.class, Mode.TRAIN);
        sample(LossFunction.class, LossFunction.crossEntropy());
        sample(LossFunction.CrossEntropy.class, LossFunction.crossEntropy());
        sample(LossFunction.BinaryCrossEntropy.class, LossFunction.binaryCrossEntropy());
        sample(LossFunction.MeanSquaredError.class, LossFunction.meanSquaredError());
        sample(LossFunction.Huber.class, LossFunction.huber(1));
        sample(Targets.class, new Targets.Classes(new int[1], 0, 1));
        sample(TargetKind.class, TargetKind.CLASS);
        sample(Task.class, Task.CLASSIFY);
        sample(Outputs.class, Outputs.of(Task.CLASSIFY));
        sample(OutputScores.class, new OutputScores(1));
        sample(Mixing.class, Mixing.NONE);
        sample(BestBy.class, BestBy.LOSS);
        sample(Pass.class, new Pass(1, Mode.TRAIN, 1, 1));
        sample(SgdStep.class, SgdStep.of(0.1));
        sample(OperationListener.class, OperationListener.NONE);
        sample(Trainer.Builder.class, Trainer.of(spec, device).batch(2));
        sample(Sgd.class, Sgd.plain(0.1));
        sample(Recipe.class, recipe);
        sample(TrainingListener.class, new TrainingListener() {});
        sample(
                TrainingRun.class,
                TrainingRun.of(trainer, recipe, (RunFolder) samples.get(RunFolder.class)));
        sample(Predictor.Builder.class, Predictor.of(model));
        sample(OutputActivation.class, OutputActivation.SOFTMAX);
        sample(Image.class, new Image(8, 8, 3, new byte[192]));
        sample(Exit.class, new Exit(1, "exit1", 1));
        sample(ExitThresholds.class, new ExitThresholds(List.of()));
        sample(HeatMap.class, new HeatMap(0, 1, 1, new float[1]));
        sample(ImagePreparation.class, ImagePreparation.of(spec, Normalisation.CIFAR10));
        sample(byte[].class, new byte[9]);
        sample(long[].class, new long[2]);
        sample(Dataset.class, data);
        sample(CentreCrop.class, ImagePreparation.of(spec, Normalisation.CIFAR10).crop());
        sample(Batch.class, new Batch(new float[384], new int[2], 8, 8, 3));
        sample(
                SegmentationBatch.class,
                new SegmentationBatch(
                        new float[384], new int[128], new int[2], 8, 8, 3, ImageMetadata.NONE));
        sample(
                DetectionBatch.class,
                new DetectionBatch(
                        new float[384],
                        List.of(List.of(), List.of()),
                        new int[2],
                        8,
                        8,
                        3,
                        ImageMetadata.NONE));
        sample(
                RelabelledDataset.class,
                (RelabelledDataset) RelabelledDataset.of(data, List.of("c", "b", "a")));
        sample(BatchLoader.class, BatchLoader.of(data));
        Shapes shapes = Shapes.of(0, 2, 16, 1);
        sample(Shapes.class, shapes);
        sample(Shapes.Counts.class, new Shapes.Counts(1, 1, 1));
        sample(SegmentationDataset.class, shapes);
        sample(SegmentationLoader.class, SegmentationLoader.of(shapes));
        sample(LabelCounts.class, LabelCounts.of(shapes));
        sample(SegmentationClasses.class, SegmentationClasses.numbered(2));
        sample(SegmentationFolder.Subset.class, SegmentationFolder.Subset.TRAIN);
        sample(
                SegmentationFolder.Builder.class,
                SegmentationFolder.at(folder, SegmentationClasses.numbered(2)));
        Path generated = folder.resolve("shapes");
        Shapes.generate(generated, new Shapes.Counts(1, 1, 1), 16, 1);
        sample(
                SegmentationFolder.class,
                SegmentationFolder.at(generated, Shapes.shapeClasses()).open());
        Box box = new Box(0, 0, 1, 1);
        sample(Box.class, box);
        sample(LabelledBox.class, new LabelledBox(box, 0));
        GlyphScenes scenes = GlyphScenes.of(0, 2, 32, 1);
        sample(GlyphScenes.class, scenes);
        sample(DetectionDataset.class, scenes);
        sample(AnnotatedImage.class, scenes.read(0, image -> image));
        sample(DetectionLoader.class, DetectionLoader.of(scenes, 8, 8));
        sample(DetectionAugmentation.class, DetectionAugmentation.NONE);
        sample(PhotometricDistortion.class, PhotometricDistortion.NONE);
        Path voc = folder.resolve("voc");
        Files.createDirectories(voc.resolve("ImageSets/Main"));
        Files.createDirectories(voc.resolve("Annotations"));
        Files.writeString(voc.resolve("ImageSets/Main/train.txt"), "1");
        Files.writeString(
                voc.resolve("Annotations/1.xml"),
                "<annotation><size><width>1</width><height>1</height></size></annotation>");
        sample(VocFolder.class, VocFolder.open(voc, "train", List.of("dog")));
        Path coco =
                Files.writeString(
                        folder.resolve("coco.json"),
                        "{\"images\":[{\"id\":1,\"file_name\":\"a\",\"width\":1,\"height\":1}],"
                                + "\"categories\":[{\"id\":1,\"name\":\"dog\"}]}");
        sample(CocoFile.class, CocoFile.open(coco, folder));
        PriorGrid grid = new PriorGrid(1, 1, 1, 1, 1, List.of());
        Priors priors = Priors.of(1, 1, List.of(grid));
        sample(PriorGrid.class, grid);
        sample(Priors.class, priors);
        sample(MultiBoxLoss.class, MultiBoxLoss.of(priors, 1));
        sample(Detection.class, new Detection(box, 0, 1));
        sample(DetectionOutput.class, DetectionOutput.PUBLISHED);
        sample(VocScores.class, new VocScores(1));
        sample(VocScores.Area.class, VocScores.Area.EXACT);
        sample(CocoScores.class, new CocoScores(1));
        sample(CocoScores.Size.class, CocoScores.Size.ALL);
        sample(CocoResults.class, new CocoResults(OutputStream.nullOutputStream()));
        sample(OutputStream.class, OutputStream.nullOutputStream());
        sample(IntToLongFunction.class, label -> label);
        sample(SegmentationScores.class, new SegmentationScores(2));
        sample(LabelledImage.class, shapes.read(0, image -> image));
        sample(
                SegmentationBatch.class,
                new SegmentationBatch(
                        new float[12], new int[4], new int[1], 2, 2, 3, ImageMetadata.NONE));
        sample(ClassMask.class, new ClassMask(8, 8, new int[64], SegmentationClasses.numbered(2)));
        sample(OutputFolder.class, OutputFolder.make(folder.resolve("masks")));
        sample(DecodeOptions.class, DecodeOptions.DEFAULT);
        sample(Interpolation.class, Interpolation.BICUBIC);
        sample(Resizing.class, Resizing.DEFAULT);
        sample(ImageView.class, ImageView.CENTRE);
        sample(RandAugment.class, RandAugment.DEFAULT);
        sample(RandomErasing.class, new RandomErasing(1, RandomErasing.Filling.ZERO));
        sample(TestTimeAugmentation.class, TestTimeAugmentation.FLIP);
        sample(Normalisation.class, Normalisation.CIFAR10);
        sample(Augmentation.class, Augmentation.NONE);
        sample(RandomResizedCrop.class, RandomResizedCrop.IMAGENET);
        sample(ColourJitter.class, ColourJitter.NONE);
        sample(ImageMetadata.class, ImageMetadata.NONE);
        sample(Communicator.class, Communicator.alone());
        sample(FeatureReuse.class, reuse);
        sample(FeatureReuseReport.class, new FeatureReuseReport(reuse, Scale.BLOCK));
        sample(Scale.class, Scale.BLOCK);
        sample(Ranking.class, Ranking.WEIGHT);
        PruneReport report = new PruneReport(Ranking.WEIGHT, List.of(), List.of());
        sample(PruneReport.class, report);
        sample(PruneReport.Data.class, List::of);
        sample(PruneReportFiles.class, new PruneReportFiles(report));
        Profile profile = Profile.of(plan, "cpu");
        sample(Profile.class, profile);
        sample(Ceilings.class, new Ceilings(1, 1));
        sample(StepTrace.class, StepTrace.NONE);
        sample(HtmlPage.class, HtmlPage.titled("page"));
        sample(Table.class, Table.of("caption", "column"));
        sample(Csv.class, new Csv());
        sample(String[].class, new String[] {"name"});
        sample(Object[].class, new Object[] {"cell"});
        sample(double[].class, new double[2]);
        sample(AtomicFile.Content.class, channel -> {});
        sample(LoadOptions.class, LoadOptions.strict());
        sample(OnnxOptions.class, OnnxOptions.defaults());
        sample(EmbeddingsWriter.class, EmbeddingsWriter.CSV);
        sample(SafetensorsWriter.class, new SafetensorsWriter());
        sample(Supplier.class, () -> new float[0]);
        sample(Collection.class, List.of());
        sample(
                Comparison.class,
                new Comparison(spec, 2, "cpu", 0, List.of(), List.of(), List.of(), List.of()));
        sample(String.class, "name");
        sample(Path.class, folder.resolve("none"));
        sample(List.class, List.of());
        sample(Map.class, Map.of());
        sample(Optional.class, Optional.empty());
        sample(float[].class, new float[384]);
        sample(int[].class, new int[2]);
        sample(Consumer.class, text -> {});
        sample(Function.class, name -> name);
        sample(BooleanSupplier.class, () -> true);
        sample(Throwable.class, new IllegalStateException());
        sample(TensorFile.class, WeightFile.open(file));
        Safetensors tensors = Safetensors.open(file);
        sample(Safetensors.class, tensors);
        sample(Tensor.class, tensors.tensor(tensors.names().iterator().next()));
        sample(IOException.class, new IOException("reason"));
        sample(OutputRule.class, new OutputRule(List.of(), false));
        sample(WarmedSteps.Step.class, number -> 1);
        Figure.Series series = new Figure.Series("name", new double[2], new double[2]);
        sample(Figure.class, Figure.lines("title", "x", "y", List.of(series)));
        sample(double[][].class, new double[0][]);
        samples.put(int.class, 1);
        samples.put(long.class, 1L);
        samples.put(float.class, 0.5f);
        samples.put(double.class, 0.5);
        samples.put(boolean.class, true);
    }

    @AfterEach
    void closes() throws Exception {
        for (AutoCloseable one : opened) {
            one.close();
        }
    }

    private static List<Executable> methods(Class<?> type) {
        List<Executable> all = new ArrayList<>();
        for (Method m : type.getDeclaredMethods()) {
            boolean users =
                    !type.isInterface()
                            || type == Device.class
                            || Modifier.isStatic(m.getModifiers());
            boolean own = !m.getName().equals("equals") && !m.getName().equals("valueOf");
            if (Modifier.isPublic(m.getModifiers()) && !m.isSynthetic() && users && own) {
                all.add(m);
            }
        }
        for (Constructor<?> c : type.getConstructors()) {
            if (!RESULTS.contains(type)) {
                all.add(c);
            }
        }
        return all;
    }

    @Test
    void nullIsRefusedByName() throws Exception {
        List<String> wrong = new ArrayList<>();
        int asked = 0;
        for (Class<?> type : CLASSES) {
            for (Executable method : methods(type)) {
                Class<?>[] parameters = method.getParameterTypes();
                for (int i = 0; i < parameters.length; i++) {
                    String name = method.getParameters()[i].getName();
                    String what =
                            type.getName().replaceAll(".*\\.", "").replace('$', '.')
                                    + (method instanceof Method ? "." + method.getName() : "")
                                    + " "
                                    + name;
                    if (!parameters[i].isPrimitive() && !NULLABLE.contains(what)) {
                        asked++;
                        refusal(method, i, name).ifPresent(text -> wrong.add(what + ": " + text));
                    }
                }
            }
        }
        assertEquals("", String.join("\n", wrong));
        assertTrue(asked > 150, asked + " parameters");
    }

    /** What is wrong with the answer to null; empty where it is refused by name. */
    private Optional<String> refusal(Executable method, int parameter, String name)
            throws ReflectiveOperationException {
        Object[] arguments = new Object[method.getParameterCount()];
        for (int i = 0; i < arguments.length; i++) {
            Class<?> type = method.getParameterTypes()[i];
            arguments[i] = i == parameter ? null : samples.get(type);
            if (i != parameter && arguments[i] == null) {
                return Optional.of("no sample of " + type);
            }
        }
        try {
            if (method instanceof Method m) {
                Object self = samples.get(m.getDeclaringClass());
                if (self == null && !Modifier.isStatic(m.getModifiers())) {
                    return Optional.of("no sample of " + m.getDeclaringClass());
                }
                m.invoke(self, arguments);
            } else {
                ((Constructor<?>) method).newInstance(arguments);
            }
            return Optional.of("accepted");
        } catch (InvocationTargetException e) {
            Throwable refused = e.getCause();
            boolean right =
                    refused instanceof NullPointerException
                            || refused instanceof IllegalArgumentException;
            return right && names(method, name, refused.getMessage())
                    ? Optional.empty()
                    : Optional.of(refused.toString());
        }
    }

    /** A setting's only parameter may be called by the name of the setting. */
    private static boolean names(Executable method, String parameter, String message) {
        String setting = method.getName().toLowerCase(Locale.ROOT);
        return parameter.equals(message)
                || method.getParameterCount() == 1
                        && message != null
                        && (setting.contains(message.toLowerCase(Locale.ROOT))
                                || message.toLowerCase(Locale.ROOT).equals(setting + "ation"));
    }
}
