package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.inference.HeatMap;
import org.densenet4j.inference.HeatMapOverlay;
import org.densenet4j.inference.ImagePreparation;
import org.densenet4j.inference.Predictor;
import org.densenet4j.io.OneLine;
import org.densenet4j.io.OutputFolder;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;

/** {@code densenet4j heatmap}. */
@Command(
        name = "heatmap",
        description =
                "Draws what in an image speaks for a class (class activation maps, Zhou et al."
                        + " 2016). Exit code 1 when an image could not be read.",
        mixinStandardHelpOptions = true)
final class HeatMapCommand implements Callable<Integer> {
    @Mixin private PredictorOption predictor;
    @Mixin private ImagesOption images;
    @Mixin private DeviceOption device;
    @Mixin private OverwriteOption overwrite;

    @Option(
            names = "--class",
            paramLabel = "NAME",
            description = "name or index of the class (default: the most probable one)")
    private String wanted;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            defaultValue = "heatmaps",
            description = "folder for the PNG files (default: ${DEFAULT-VALUE})")
    private Path out;

    /** For picocli. */
    HeatMapCommand() {}

    @Override
    public Integer call() throws IOException {
        Map<Path, String> names = PictureNames.of(images.files());
        names.replaceAll((image, name) -> name + ".png");
        List<Path> inputs = new ArrayList<>(predictor.inputs());
        inputs.addAll(names.keySet());
        overwrite.rule(inputs).checkFolder(out, names.values());
        try (Device d = device.open();
                Predictor p = predictor.openFor("class activation maps", d, images.batch())) {
            int classIndex = wanted == null ? -1 : classIndex(p.classNames());
            OutputFolder folder = OutputFolder.make(out);
            int broken =
                    images.forEachBatch(
                            p,
                            HeatMapOverlay.shown(p.preparation()),
                            some -> draw(some, p, classIndex, names, folder));
            return broken == 0 ? 0 : 1;
        }
    }

    private static void draw(
            ImagesOption.Prepared some,
            Predictor p,
            int classIndex,
            Map<Path, String> names,
            OutputFolder folder)
            throws IOException {
        ImagePreparation preparation = p.preparation();
        int length = preparation.length();
        for (int i = 0; i < some.count(); i++) {
            HeatMap map =
                    p.heatMap(
                            Arrays.copyOfRange(some.prepared(), i * length, (i + 1) * length),
                            classIndex);
            Path file =
                    folder.write(
                            names.get(some.files().get(i)),
                            HeatMapOverlay.png(some.shown().get(i), map));
            System.out.println(
                    OneLine.of(file.toString())
                            + "  "
                            + OneLine.of(p.classNames().get(map.classIndex())));
        }
    }

    /** By name; by number only where no class has a number for a name. */
    private int classIndex(List<String> names) {
        List<Integer> named =
                IntStream.range(0, names.size())
                        .filter(c -> names.get(c).equals(wanted))
                        .boxed()
                        .toList();
        if (named.size() > 1) {
            throw new IllegalArgumentException(
                    "several classes are named '" + wanted + "'; use one of the indices " + named);
        }
        if (named.size() == 1) {
            return named.getFirst();
        }
        boolean numbersAreNames = names.stream().anyMatch(name -> name.matches("\\d+"));
        int index = !numbersAreNames && wanted.matches("\\d{1,9}") ? Integer.parseInt(wanted) : -1;
        if (index < 0 || index >= names.size()) {
            throw new IllegalArgumentException(
                    "no class '"
                            + wanted
                            + "'; use a name"
                            + (numbersAreNames ? "" : " or an index up to " + (names.size() - 1)));
        }
        return index;
    }
}
