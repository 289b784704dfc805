package org.densenet4j.train;

import org.densenet4j.io.Csv;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The numbers of a run's epochs.
 *
 * @param columns their names
 * @param epochs a number for each column, NaN where it was not finite
 */
record Metrics(List<String> columns, List<double[]> epochs) {
    private static final Metrics NONE = new Metrics(List.of(), List.of());

    /** Reads the lines of the file. */
    static Metrics of(List<String> lines) {
        if (lines.isEmpty()) {
            return NONE;
        }
        List<double[]> epochs = new ArrayList<>();
        for (String line : lines) {
            if (line.matches("\\d.*")) {
                epochs.add(
                        Arrays.stream(line.split(",", -1)).mapToDouble(Metrics::number).toArray());
            }
        }
        return new Metrics(Csv.parse(lines.getFirst()).getFirst(), epochs);
    }

    /** What was not finite is an empty cell. */
    private static double number(String cell) {
        return cell.isEmpty() ? Double.NaN : Double.parseDouble(cell);
    }

    boolean has(String name) {
        return columns.contains(name);
    }

    /** A column's number of every epoch. */
    double[] column(String name) {
        int index = columns.indexOf(name);
        return epochs.stream().mapToDouble(epoch -> epoch[index]).toArray();
    }

    int size() {
        return epochs.size();
    }
}
