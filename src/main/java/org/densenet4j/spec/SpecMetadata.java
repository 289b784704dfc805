package org.densenet4j.spec;

import org.densenet4j.graph.Graph;
import org.densenet4j.graph.GraphJson;
import org.densenet4j.graph.NetworkSpec;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Specs as text: entries of a file's metadata, {@code spec.growthRate} and the like. What family
 * the network is of is {@code spec.family}; files of DenseNets, which are older than the other
 * families, do not have it. A graph of one's own is of the family {@code graph}, with its JSON.
 */
public final class SpecMetadata {
    /** What all keys start with. */
    public static final String PREFIX = "spec.";

    private static final String FAMILY = "family";
    private static final String FC_DENSENET = "fc-densenet";
    private static final String RESNET = "resnet";
    private static final String CONDENSENET = "condensenet";
    private static final String MSDNET = "msdnet";
    private static final String RDNET = "rdnet";
    private static final String DSOD = "dsod";
    private static final String GRAPH = "graph";

    /** A field that every DenseNet's file has. */
    private static final String GROWTH_RATE = "growthRate";

    /**
     * Only where it does, so that files of other DenseNets are what they were before there was
     * this.
     */
    private static final String GROWTH_DOUBLES = "growthDoubles";

    private final Map<String, String> entries;

    private SpecMetadata(Map<String, String> entries) {
        this.entries = entries;
    }

    // ---------------------------------------------------------------- writing

    /**
     * {@return a spec as metadata entries, which {@link #read} reads}
     *
     * @param spec the network
     */
    public static Map<String, String> of(NetworkSpec spec) {
        SpecMetadata text = new SpecMetadata(new LinkedHashMap<>());
        switch (Objects.requireNonNull(spec, "spec")) {
            case DenseNetSpec s -> text.write(s);
            case FcDenseNetSpec s -> text.write(s);
            case ResNetSpec s -> text.write(s);
            case CondenseNetSpec s -> text.write(s);
            case MsdNetSpec s -> text.write(s);
            case RdNetSpec s -> text.write(s);
            case DsodSpec s -> text.write(s);
            default -> text.write(spec.name(), spec.graph());
        }
        return text.entries;
    }

    private void write(String name, Graph graph) {
        put(FAMILY, GRAPH);
        put("name", name);
        put(GRAPH, GraphJson.write(graph));
    }

    private void write(DenseNetSpec spec) {
        put("name", spec.name());
        put(GROWTH_RATE, spec.growthRate());
        if (spec.growthDoubles()) {
            put(GROWTH_DOUBLES, true);
        }
        put("layersPerBlock", spec.layersPerBlock());
        put("initialChannels", spec.initialChannels());
        put("bottleneckWidth", spec.bottleneckWidth());
        put("compression", spec.compression());
        put("dropout", spec.dropout());
        put("stochasticDepth", spec.stochasticDepth());
        put("stem", spec.stem());
        putCommon(spec);
    }

    private void write(FcDenseNetSpec spec) {
        put(FAMILY, FC_DENSENET);
        put("name", spec.name());
        put(GROWTH_RATE, spec.growthRate());
        put("downLayers", spec.downLayers());
        put("bottleneckLayers", spec.bottleneckLayers());
        put("upLayers", spec.upLayers());
        put("initialChannels", spec.initialChannels());
        put("dropout", spec.dropout());
        putCommon(spec);
        put("evaluatesWithBatchStatistics", spec.evaluatesWithBatchStatistics());
    }

    private void write(ResNetSpec spec) {
        put(FAMILY, RESNET);
        put("name", spec.name());
        put("unit", spec.unit());
        put("preActivation", spec.preActivation());
        put("shortcut", spec.shortcut());
        put("stem", spec.stem());
        put("unitsPerStage", spec.unitsPerStage());
        put("initialChannels", spec.initialChannels());
        putCommon(spec);
    }

    private void write(CondenseNetSpec spec) {
        put(FAMILY, CONDENSENET);
        put("name", spec.name());
        put("growthRates", spec.growthRates());
        put("layersPerBlock", spec.layersPerBlock());
        put("initialChannels", spec.initialChannels());
        put("initialStride", spec.initialStride());
        put("bottleneckWidth", spec.bottleneckWidth());
        put("groups", spec.groups());
        put("condensationFactor", spec.condensationFactor());
        putCommon(spec);
    }

    private void write(MsdNetSpec spec) {
        put(FAMILY, MSDNET);
        put("name", spec.name());
        put("layersPerExit", spec.layersPerExit());
        put("growthFactors", spec.growthFactors());
        put("bottleneckFactors", spec.bottleneckFactors());
        put(GROWTH_RATE, spec.growthRate());
        put("initialChannels", spec.initialChannels());
        put("exitChannels", spec.exitChannels());
        put("reduction", spec.reduction());
        put("dropping", spec.dropping());
        put("stem", spec.stem());
        putCommon(spec);
    }

    private void write(RdNetSpec spec) {
        put(FAMILY, RDNET);
        put("name", spec.name());
        put("growthRates", spec.growthRates());
        put("layersPerStage", spec.layersPerStage());
        put("halvingStages", spec.halvingStages());
        put("gatedFrom", spec.gatedFrom());
        put("initialChannels", spec.initialChannels());
        put("patch", spec.patch());
        put("kernel", spec.kernel());
        put("expansion", spec.expansion());
        put("stochasticDepth", spec.stochasticDepth());
        putCommon(spec);
    }

    private void write(DsodSpec spec) {
        put(FAMILY, DSOD);
        put("name", spec.name());
        put("stemChannels", spec.stemChannels());
        put("layersPerBlock", spec.layersPerBlock());
        put(GROWTH_RATE, spec.growthRate());
        put("bottleneckWidth", spec.bottleneckWidth());
        put("secondChannels", spec.secondChannels());
        put("stepChannels", spec.stepChannels());
        List<DsodSpec.Boxes> boxes = spec.boxes();
        put("boxSteps", boxes.stream().map(DsodSpec.Boxes::step).toList());
        put("boxLeast", boxes.stream().map(DsodSpec.Boxes::least).toList());
        put("boxMost", boxes.stream().map(DsodSpec.Boxes::most).toList());
        put("boxRatios", boxes.stream().map(SpecMetadata::ratios).toList());
        putCommon(spec);
    }

    /** Of one source, such as 2.0/3.0. */
    private static String ratios(DsodSpec.Boxes boxes) {
        return boxes.ratios().stream().map(String::valueOf).collect(Collectors.joining("/"));
    }

    private void putCommon(FamilySpec spec) {
        put("classes", spec.classes());
        put("inputHeight", spec.inputHeight());
        put("inputWidth", spec.inputWidth());
        put("inputChannels", spec.inputChannels());
        put("bnEpsilon", spec.bnEpsilon());
        put("bnMomentum", spec.bnMomentum());
    }

    private void put(String field, Object value) {
        String text =
                value instanceof List<?> list
                        ? String.join(",", list.stream().map(String::valueOf).toList())
                        : value.toString();
        entries.put(PREFIX + field, text);
    }

    // ---------------------------------------------------------------- reading

    /**
     * {@return whether metadata have a spec}
     *
     * @param metadata of a file
     */
    public static boolean isIn(Map<String, String> metadata) {
        Objects.requireNonNull(metadata, "metadata");
        return metadata.containsKey(PREFIX + FAMILY) || metadata.containsKey(PREFIX + GROWTH_RATE);
    }

    /**
     * {@return what the specs of two files, or of a file and a network, differ in beside their
     * names, in the words of their entries; empty when they are of the same network}
     *
     * @param one a network
     * @param other the network that it is compared with
     */
    public static Optional<String> difference(NetworkSpec one, NetworkSpec other) {
        Objects.requireNonNull(one, "one");
        Objects.requireNonNull(other, "other");
        Map<String, String> ours = of(one);
        Map<String, String> theirs = of(other);
        for (Map<String, String> text : List.of(ours, theirs)) {
            text.remove(PREFIX + "name");
            if (!text.containsKey(PREFIX + FAMILY)) {
                text.putIfAbsent(PREFIX + GROWTH_DOUBLES, "false");
            }
        }
        if (ours.equals(theirs)) {
            return Optional.empty();
        }
        if (!ours.keySet().equals(theirs.keySet())) {
            return Optional.of("networks of different families");
        }
        if (ours.containsKey(PREFIX + GRAPH)) {
            return GraphJson.difference(one.graph(), other.graph());
        }
        return Optional.of(
                ours.entrySet().stream()
                        .filter(entry -> !entry.getValue().equals(theirs.get(entry.getKey())))
                        .map(
                                entry ->
                                        entry.getKey().substring(PREFIX.length())
                                                + " "
                                                + entry.getValue()
                                                + ", not "
                                                + theirs.get(entry.getKey()))
                        .collect(Collectors.joining("; ")));
    }

    /**
     * {@return the spec in a file's metadata}
     *
     * @param metadata of a file
     * @param tensors of the file, of which every layer has some: what claims more layers is refused
     *     before it takes memory
     * @throws IllegalArgumentException in one line when a field is missing or broken, or when the
     *     family is unknown
     */
    public static NetworkSpec read(Map<String, String> metadata, int tensors) {
        Objects.requireNonNull(metadata, "metadata");
        SpecMetadata text = new SpecMetadata(metadata);
        String family = metadata.getOrDefault(PREFIX + FAMILY, "densenet");
        if (family.equals(GRAPH)) {
            return GraphJson.read(text.field("name"), text.field(GRAPH));
        }
        FamilySpec.Builder builder =
                switch (family) {
                    case "densenet" -> text.denseNet(tensors);
                    case FC_DENSENET -> text.fcDenseNet(tensors);
                    case RESNET -> text.resNet(tensors);
                    case CONDENSENET -> text.condenseNet(tensors);
                    case MSDNET -> text.msdNet(tensors);
                    case RDNET -> text.rdNet(tensors);
                    case DSOD -> text.dsod(tensors);
                    default ->
                            throw new IllegalArgumentException(
                                    "the family '"
                                            + family
                                            + "' is unknown: densenet, fc-densenet, resnet,"
                                            + " condensenet, msdnet, rdnet and dsod are known; a"
                                            + " newer version may know it");
                };
        return builder.name(text.field("name"))
                .classes(text.integer("classes"))
                .inputSize(text.integer("inputHeight"), text.integer("inputWidth"))
                .inputChannels(text.integer("inputChannels"))
                .bnEpsilon(text.number("bnEpsilon"))
                .bnMomentum(text.number("bnMomentum"))
                .build();
    }

    private DenseNetSpec.Builder denseNet(int tensors) {
        return DenseNetSpec.builder()
                .growthRate(integer(GROWTH_RATE))
                .growthDoubles(entries.containsKey(PREFIX + GROWTH_DOUBLES) && flag(GROWTH_DOUBLES))
                .layersPerBlock(layers("layersPerBlock", tensors))
                .initialChannels(integer("initialChannels"))
                .bottleneckWidth(integer("bottleneckWidth"))
                .compression(number("compression"))
                .dropout(number("dropout"))
                .stochasticDepth(
                        entries.containsKey(PREFIX + "stochasticDepth")
                                ? number("stochasticDepth")
                                : 0)
                .stem(constant(Stem.class, "stem"));
    }

    private FcDenseNetSpec.Builder fcDenseNet(int tensors) {
        return FcDenseNetSpec.builder()
                .growthRate(integer(GROWTH_RATE))
                .downLayers(layers("downLayers", tensors))
                .bottleneckLayers(layers("bottleneckLayers", tensors)[0])
                .upLayers(layers("upLayers", tensors))
                .initialChannels(integer("initialChannels"))
                .dropout(number("dropout"))
                .evaluatesWithBatchStatistics(flag("evaluatesWithBatchStatistics"));
    }

    private ResNetSpec.Builder resNet(int tensors) {
        return ResNetSpec.builder()
                .unit(constant(ResNetSpec.Unit.class, "unit"))
                .preActivation(flag("preActivation"))
                .shortcut(constant(ResNetSpec.Shortcut.class, "shortcut"))
                .stem(constant(Stem.class, "stem"))
                .unitsPerStage(layers("unitsPerStage", tensors))
                .initialChannels(integer("initialChannels"));
    }

    private CondenseNetSpec.Builder condenseNet(int tensors) {
        return CondenseNetSpec.builder()
                .growthRates(layers("growthRates", Integer.MAX_VALUE))
                .layersPerBlock(layers("layersPerBlock", tensors))
                .initialChannels(integer("initialChannels"))
                .initialStride(integer("initialStride"))
                .bottleneckWidth(integer("bottleneckWidth"))
                .groups(integer("groups"))
                .condensationFactor(integer("condensationFactor"));
    }

    private MsdNetSpec.Builder msdNet(int tensors) {
        return MsdNetSpec.builder()
                .layersPerExit(layers("layersPerExit", tensors))
                .growthFactors(layers("growthFactors", Integer.MAX_VALUE))
                .bottleneckFactors(layers("bottleneckFactors", Integer.MAX_VALUE))
                .growthRate(integer(GROWTH_RATE))
                .initialChannels(integer("initialChannels"))
                .exitChannels(integer("exitChannels"))
                .reduction(number("reduction"))
                .dropping(constant(MsdNetSpec.Dropping.class, "dropping"))
                .stem(constant(Stem.class, "stem"));
    }

    private RdNetSpec.Builder rdNet(int tensors) {
        return RdNetSpec.builder()
                .growthRates(layers("growthRates", Integer.MAX_VALUE))
                .layersPerStage(layers("layersPerStage", tensors))
                .halvingStages(listed("halvingStages"))
                .gatedFrom(integer("gatedFrom"))
                .initialChannels(integer("initialChannels"))
                .patch(integer("patch"))
                .kernel(integer("kernel"))
                .expansion(integer("expansion"))
                .stochasticDepth(number("stochasticDepth"));
    }

    private DsodSpec.Builder dsod(int tensors) {
        List<Double> steps = numbers("boxSteps", field("boxSteps"), ",");
        List<Double> least = numbers("boxLeast", field("boxLeast"), ",");
        List<Double> most = numbers("boxMost", field("boxMost"), ",");
        String[] ratios = field("boxRatios").split(",", -1);
        if (steps.size() != least.size()
                || steps.size() != most.size()
                || steps.size() != ratios.length) {
            throw broken("boxRatios", null);
        }
        List<DsodSpec.Boxes> boxes = new ArrayList<>();
        for (int i = 0; i < ratios.length; i++) {
            boxes.add(
                    new DsodSpec.Boxes(
                            steps.get(i),
                            least.get(i),
                            most.get(i),
                            numbers("boxRatios", ratios[i], "/")));
        }
        return DsodSpec.builder()
                .stemChannels(integer("stemChannels"))
                .layersPerBlock(layers("layersPerBlock", tensors))
                .growthRate(integer(GROWTH_RATE))
                .bottleneckWidth(integer("bottleneckWidth"))
                .secondChannels(integer("secondChannels"))
                .stepChannels(listed("stepChannels"))
                .boxes(boxes);
    }

    /** Numbers of which there may be none. */
    private int[] listed(String field) {
        return field(field).isEmpty() ? new int[0] : layers(field, Integer.MAX_VALUE);
    }

    private List<Double> numbers(String field, String text, String separator) {
        try {
            return text.isEmpty()
                    ? List.of()
                    : Arrays.stream(text.split(separator, -1)).map(Double::valueOf).toList();
        } catch (NumberFormatException e) {
            throw broken(field, e);
        }
    }

    private String field(String field) {
        String value = entries.get(PREFIX + field);
        if (value == null) {
            throw new IllegalArgumentException("'" + PREFIX + field + "' is missing");
        }
        return value;
    }

    private IllegalArgumentException broken(String field, @Nullable RuntimeException cause) {
        return new IllegalArgumentException(
                "'" + PREFIX + field + "' is '" + field(field) + "'", cause);
    }

    private int integer(String field) {
        String value = field(field);
        try {
            return Integer.parseInt(value);
        } catch (NumberFormatException e) {
            throw broken(field, e);
        }
    }

    private double number(String field) {
        String value = field(field);
        try {
            return Double.parseDouble(value);
        } catch (NumberFormatException e) {
            throw broken(field, e);
        }
    }

    private boolean flag(String field) {
        String value = field(field);
        if (!List.of("true", "false").contains(value)) {
            throw broken(field, null);
        }
        return Boolean.parseBoolean(value);
    }

    private <E extends Enum<E>> E constant(Class<E> type, String field) {
        String value = field(field);
        return Arrays.stream(type.getEnumConstants())
                .filter(constant -> constant.name().equals(value))
                .findFirst()
                .orElseThrow(() -> broken(field, null));
    }

    private int[] layers(String field, int tensors) {
        int[] layers;
        try {
            layers =
                    Arrays.stream(field(field).split(",", -1))
                            .mapToInt(Integer::parseInt)
                            .toArray();
        } catch (NumberFormatException e) {
            throw broken(field, e);
        }
        if (Arrays.stream(layers).asLongStream().sum() > tensors) {
            throw new IllegalArgumentException("it has more layers than the file has tensors");
        }
        return layers;
    }
}
