package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.graph.Graph;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.testing.RecordedNetworks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The commands that need no weights take networks of every family. */
class FamiliesTest {
    /** Name, parameters, height, width, multiply-adds, as other programs have counted them. */
    record Counted(String network, long parameters, int height, int width, long multiplyAdds) {}

    static List<Counted> counts() throws IOException {
        return RecordedNetworks.counts().stream()
                .map(
                        c ->
                                new Counted(
                                        c[0],
                                        Long.parseLong(c[1]),
                                        Integer.parseInt(c[3]),
                                        Integer.parseInt(c[4]),
                                        Long.parseLong(c[5])))
                .toList();
    }

    private static String number(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    @ParameterizedTest
    @MethodSource("counts")
    void summaryPrintsParametersAndMultiplyAddsOfEveryPreset(Counted counted) {
        Captured summary =
                Captured.run(
                        "summary",
                        "--model",
                        counted.network(),
                        "--input-size",
                        counted.height() + "x" + counted.width(),
                        "--batch",
                        "1",
                        "--threads",
                        "1",
                        "--device",
                        "cpu");
        assertEquals(0, summary.code(), summary.err());
        List<String> lines = new ArrayList<>(summary.out().lines().toList());
        Graph graph = FamilySpec.preset(counted.network()).build().graph();
        if (!graph.learnedGroups().isEmpty()) {
            assertEquals(
                    "condensed: " + number(graph.condensedParameterCount()) + " parameters,",
                    lines.removeLast().replaceAll(" [^ ]+ multiply-adds$", ""));
        }
        List<String> all = List.of(lines.getLast().split("\\s+", 0));
        assertEquals("all", all.getFirst());
        assertEquals(number(counted.parameters()), all.get(1), lines.getLast());
        assertEquals(number(counted.multiplyAdds()), all.get(2), lines.getLast());
        int nodes = graph.nodes().size();
        assertEquals(nodes + 3, lines.size(), "the network, headings, every node, all");
        int width = lines.get(1).length();
        for (String line : lines.subList(2, lines.size() - 1)) {
            assertEquals(width, line.length(), () -> "a column is not wide enough: " + line);
        }
    }

    @Test
    void aHeadOfPixelsHasTheSizeOfTheImages() {
        Captured summary =
                Captured.run(
                        "summary",
                        "--model",
                        "fc-densenet56",
                        "--input-size",
                        "32x48",
                        "--classes",
                        "5");
        List<String> lines = summary.out().lines().toList();
        assertTrue(lines.getFirst().endsWith("classes 5), batch 3"), lines.getFirst());
        assertTrue(lines.get(lines.size() - 2).matches("head\\s+32x48x5 .*"), summary.out());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "fc-densenet56 --input-size 64x96 --dropout 0",
                "resnet50 --input-size 64 --classes 7",
                "cifar-preresnet-164",
                "densenetblur121d --input-size 64 --compression 1"
            })
    void plansOfEveryFamilyNameTheNetworkAndItsPeaks(String model) {
        Captured plan =
                Captured.run(
                        ("plan --batch 2 --memory-budget 1GB --device cpu --model " + model)
                                .split(" ", -1));
        assertEquals(0, plan.code(), plan.err());
        assertTrue(plan.out().contains(model.split(" ", -1)[0]), plan.out());
        assertTrue(plan.out().matches("(?s).*peak +[\\d.]+ MB +[\\d.]+ MB.*"), plan.out());
        assertTrue(plan.out().matches("(?s).*largest batch +\\d+ +\\d+ +\\d+ in .*"), plan.out());
    }
}
