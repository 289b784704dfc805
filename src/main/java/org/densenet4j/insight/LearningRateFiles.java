package org.densenet4j.insight;

import org.densenet4j.io.Csv;
import org.densenet4j.io.OutputFolder;
import org.densenet4j.report.Figure;
import org.densenet4j.report.Figure.Series;
import org.densenet4j.train.LearningRateSearch;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;

/** A learning-rate range test as CSV and as a figure. */
public final class LearningRateFiles {
    private static final String NAME = "lr-find";

    /** Names of the files that {@link #write} writes. */
    public static final List<String> FILES = List.of(NAME + ".csv", NAME + ".png", NAME + ".svg");

    private static final int FIGURE_WIDTH = 760;
    private static final int FIGURE_HEIGHT = 420;

    private final LearningRateSearch search;

    /**
     * Prepares the files of a test.
     *
     * @param search what was found
     */
    public LearningRateFiles(LearningRateSearch search) {
        this.search = Objects.requireNonNull(search, "search");
    }

    /**
     * Writes all of {@link #FILES}.
     *
     * @param folder lists what is written
     * @throws IOException in one line, when a file cannot be written or the system has no fonts
     */
    public void write(OutputFolder folder) throws IOException {
        Objects.requireNonNull(folder, "folder");
        Csv csv = Csv.of("learning_rate", "loss", "smoothed_loss");
        search.points().forEach(p -> csv.row(p.rate(), p.loss(), p.smoothed()));
        folder.write(NAME + ".csv", csv.toString());
        figure().writeBoth(folder, NAME, FIGURE_WIDTH, FIGURE_HEIGHT);
    }

    private Figure figure() {
        double[] rates = search.points().stream().mapToDouble(p -> p.rate()).toArray();
        double[] losses = search.points().stream().mapToDouble(p -> p.smoothed()).toArray();
        List<Series> marks = new ArrayList<>();
        mark(marks, "valley", search.valley());
        mark(marks, "steepest", search.steepest());
        return Figure.linesOverLogarithm(
                "Learning-rate range test",
                "learning rate",
                "smoothed loss",
                List.of(new Series("loss", rates, losses)),
                marks);
    }

    private void mark(List<Series> marks, String name, OptionalDouble rate) {
        rate.ifPresent(
                at ->
                        search.points().stream()
                                .filter(p -> p.rate() == at)
                                .forEach(
                                        p ->
                                                marks.add(
                                                        new Series(
                                                                name,
                                                                new double[] {p.rate()},
                                                                new double[] {p.smoothed()}))));
    }
}
