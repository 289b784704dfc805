package org.densenet4j.weights;

import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;
import org.densenet4j.spec.CondenseNetSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.DsodSpec;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.MsdNetSpec;
import org.densenet4j.spec.RdNetSpec;
import org.densenet4j.spec.ResNetSpec;
import org.densenet4j.spec.Stem;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Networks of every family, and a graph of one's own, with few weights. */
final class SmallNetworks {
    private SmallNetworks() {}

    /** All of them. */
    static Stream<NetworkSpec> all() {
        return Stream.concat(families(), Stream.of(ownGraph()));
    }

    /** Those of families that have names. */
    static Stream<FamilySpec> families() {
        return Stream.of(
                denseNet(Stem.SMALL),
                denseNet(Stem.DEEP),
                denseNet(Stem.DEEP_BLUR),
                fcDenseNet(),
                condenseNet(),
                msdNet(Stem.SMALL),
                msdNet(Stem.IMAGENET),
                rdNet(),
                dsod(),
                resNet(false, ResNetSpec.Unit.BASIC, Stem.SMALL),
                resNet(true, ResNetSpec.Unit.BASIC, Stem.SMALL),
                resNet(true, ResNetSpec.Unit.BOTTLENECK, Stem.SMALL),
                resNet(false, ResNetSpec.Unit.BOTTLENECK, Stem.IMAGENET),
                resNet(true, ResNetSpec.Unit.BASIC, Stem.IMAGENET));
    }

    static DenseNetSpec denseNet(Stem stem) {
        return DenseNetSpec.builder()
                .growthRate(4)
                .layersPerBlock(2, 1)
                .initialChannels(8)
                .stem(stem)
                .inputSize(21)
                .classes(5)
                .build();
    }

    /** As files of others are taken to be, which do not say how they normalise. */
    static FcDenseNetSpec fcDenseNet() {
        return FcDenseNetSpec.builder()
                .growthRate(3)
                .downLayers(2, 1)
                .bottleneckLayers(2)
                .upLayers(1, 3)
                .initialChannels(5)
                .inputSize(13, 10)
                .classes(4)
                .bnEpsilon(1e-5)
                .evaluatesWithBatchStatistics(false)
                .build();
    }

    static MsdNetSpec msdNet(Stem stem) {
        return MsdNetSpec.builder()
                .layersPerExit(1, 2)
                .growthFactors(1, 2)
                .bottleneckFactors(1, 2)
                .growthRate(3)
                .initialChannels(4)
                .exitChannels(stem == Stem.SMALL ? 5 : 0)
                .stem(stem)
                .inputSize(stem == Stem.SMALL ? 32 : 224)
                .build();
    }

    static CondenseNetSpec condenseNet() {
        return CondenseNetSpec.builder()
                .layersPerBlock(2, 1)
                .growthRates(4, 8)
                .groups(2)
                .condensationFactor(2)
                .inputSize(20, 14)
                .classes(4)
                .build();
    }

    static RdNetSpec rdNet() {
        return RdNetSpec.builder()
                .growthRates(5, 12, 7)
                .layersPerStage(2, 1, 3)
                .halvingStages(3)
                .gatedFrom(2)
                .initialChannels(16)
                .patch(2)
                .kernel(5)
                .expansion(2)
                .inputSize(18, 13)
                .classes(4)
                .build();
    }

    static DsodSpec dsod() {
        List<DsodSpec.Boxes> boxes = new ArrayList<>();
        for (int step = 8; step <= 32; step *= 2) {
            boxes.add(new DsodSpec.Boxes(step, 2 * step, 3 * step, List.of(2.0)));
        }
        return DsodSpec.builder()
                .stemChannels(4)
                .layersPerBlock(1, 2, 1, 2)
                .growthRate(3)
                .bottleneckWidth(5)
                .secondChannels(4)
                .stepChannels(3)
                .boxes(boxes)
                .inputSize(45, 38)
                .classes(3)
                .build();
    }

    /** With units of which one needs a shortcut that does not just pass its input on. */
    static ResNetSpec resNet(boolean preActivation, ResNetSpec.Unit unit, Stem stem) {
        return ResNetSpec.builder()
                .preActivation(preActivation)
                .unit(unit)
                .shortcut(
                        unit == ResNetSpec.Unit.BASIC && stem == Stem.SMALL
                                ? ResNetSpec.Shortcut.SUBSAMPLED
                                : ResNetSpec.Shortcut.PROJECTED)
                .stem(stem)
                .unitsPerStage(2, 1)
                .initialChannels(6)
                .inputSize(20)
                .classes(7)
                .build();
    }

    /** Two convolutions in one matrix, and names that no family has. */
    static NetworkSpec ownGraph() {
        Graph.Builder graph = Graph.builder("two-steps", 9, 11, 3);
        Features x = new Features("x", 9, 11, 7);
        Columns first = x.prefix(4);
        graph.add(
                new ConvolutionLayer(
                        "in",
                        Read.raw(graph.input().all()),
                        Window.THREE,
                        "net.first",
                        true,
                        Drops.NOTHING,
                        first));
        graph.add(
                new ConvolutionLayer(
                        "more",
                        Read.normalisedRelu(new Norm("net.norm", 1e-3, 0.1), first),
                        Window.THREE,
                        "net.second",
                        false,
                        Drops.NOTHING,
                        x.columns(4, 3)));
        graph.add(new Classifier("out", Read.raw(x.all()), "net.out", 3));
        return graph.build();
    }

    /** Names of a graph's tensors, with running statistics. */
    static List<String> tensors(NetworkSpec spec) {
        Graph graph = spec.graph();
        return Stream.concat(graph.parameters().stream(), graph.runningStatistics().stream())
                .map(ParameterSpec::name)
                .toList();
    }
}
