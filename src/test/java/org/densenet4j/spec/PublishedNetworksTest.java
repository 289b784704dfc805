package org.densenet4j.spec;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.densenet4j.graph.Graph;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.testing.RecordedNetworks;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvFileSource;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Full-sized networks have what the same networks in PyTorch have: every tensor, every count. */
class PublishedNetworksTest {
    @ParameterizedTest
    @CsvFileSource(resources = "/golden/networks/counts.tsv", delimiter = '\t', numLinesToSkip = 1)
    void presetsHaveTheTensorsAndCountsOfTheSameNetworksInPyTorch(
            String network,
            long parameters,
            long statistics,
            int height,
            int width,
            long multiplyAdds,
            int tensors)
            throws IOException {
        Graph graph = FamilySpec.preset(network).inputSize(height, width).build().graph();
        assertEquals(parameters, graph.parameterCount());
        assertEquals(statistics, count(graph.runningStatistics()));
        assertEquals(multiplyAdds, graph.multiplyAdds());
        List<String> lines = new ArrayList<>();
        graph.parameters().forEach(p -> lines.add(line(p, "parameter")));
        graph.runningStatistics().forEach(p -> lines.add(line(p, "statistic")));
        assertEquals(tensors, lines.size());
        assertEquals(
                RecordedNetworks.tensors(network).stream()
                        .sorted()
                        .collect(Collectors.joining("\n")),
                lines.stream().sorted().collect(Collectors.joining("\n")));
    }

    private static long count(List<ParameterSpec> tensors) {
        return tensors.stream().mapToLong(ParameterSpec::count).sum();
    }

    private static String line(ParameterSpec p, String kind) {
        String shape = p.shape().stream().map(String::valueOf).collect(Collectors.joining(","));
        return p.name() + "\t" + shape + "\t" + kind;
    }
}
