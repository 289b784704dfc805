package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.inference.HeatMap;
import org.densenet4j.inference.HeatMapOverlay;
import org.densenet4j.inference.ImagePreparation;
import org.densenet4j.inference.Predictor;
import org.densenet4j.io.AtomicFile;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;

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
        try (Device d = device.open();
                Predictor p = predictor.open(d, images.batch())) {
            int classIndex = wanted == null ? -1 : classIndex(p.classNames());
            ImagePreparation preparation = p.preparation();
            Set<String> taken = new HashSet<>();
            Files.createDirectories(out);
            int broken =
                    images.forEachBatch(
                            p,
                            some -> {
                                for (int i = 0; i < some.count(); i++) {
                                    int length = preparation.length();
                                    HeatMap map =
                                            p.heatMap(
                                                    Arrays.copyOfRange(
                                                            some.prepared(),
                                                            i * length,
                                                            (i + 1) * length),
                                                    classIndex);
                                    Path file = out.resolve(name(some.files().get(i), taken));
                                    AtomicFile.write(
                                            file,
                                            HeatMapOverlay.png(
                                                    some.originals().get(i), preparation, map));
                                    System.out.printf(
                                            "%s  %s%n", file, p.classNames().get(map.classIndex()));
                                }
                            });
            return broken == 0 ? 0 : 1;
        }
    }

    private int classIndex(List<String> names) {
        int index = names.indexOf(wanted);
        if (index < 0 && wanted.matches("\\d{1,9}")) {
            index = Integer.parseInt(wanted);
        }
        if (index < 0 || index >= names.size()) {
            throw new IllegalArgumentException(
                    "no class '"
                            + wanted
                            + "'; use a name or an index up to "
                            + (names.size() - 1));
        }
        return index;
    }

    /** The image's name; images of the same name in other folders get a number. */
    private static String name(Path image, Set<String> taken) {
        String base = String.valueOf(image.getFileName()).replaceFirst("\\.[^.]*$", "");
        String name = base;
        for (int number = 2; !taken.add(name); number++) {
            name = base + "-" + number;
        }
        return name + ".png";
    }
}
