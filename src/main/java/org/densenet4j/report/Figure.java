package org.densenet4j.report;

import org.apache.batik.svggen.SVGGraphics2D;
import org.densenet4j.io.AtomicFile;
import org.densenet4j.io.OutputFolder;
import org.densenet4j.library.OptionalLibrary;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.axis.AxisLocation;
import org.jfree.chart.axis.CategoryAxis;
import org.jfree.chart.axis.LogAxis;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.axis.NumberTickUnit;
import org.jfree.chart.axis.SymbolAxis;
import org.jfree.chart.axis.ValueAxis;
import org.jfree.chart.block.BlockBorder;
import org.jfree.chart.plot.CategoryPlot;
import org.jfree.chart.plot.Plot;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.LookupPaintScale;
import org.jfree.chart.renderer.category.BarRenderer;
import org.jfree.chart.renderer.category.StackedBarRenderer;
import org.jfree.chart.renderer.category.StandardBarPainter;
import org.jfree.chart.renderer.xy.StackedXYAreaRenderer2;
import org.jfree.chart.renderer.xy.StandardXYBarPainter;
import org.jfree.chart.renderer.xy.XYBarRenderer;
import org.jfree.chart.renderer.xy.XYBlockRenderer;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.chart.title.LegendTitle;
import org.jfree.chart.title.PaintScaleLegend;
import org.jfree.chart.title.TextTitle;
import org.jfree.chart.ui.HorizontalAlignment;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.chart.ui.RectangleInsets;
import org.jfree.data.category.DefaultCategoryDataset;
import org.jfree.data.xy.DefaultTableXYDataset;
import org.jfree.data.xy.DefaultXYZDataset;
import org.jfree.data.xy.XYIntervalSeries;
import org.jfree.data.xy.XYIntervalSeriesCollection;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;
import org.w3c.dom.Document;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Dimension;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.Paint;
import java.awt.RenderingHints;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;

/**
 * A chart for a document, as PNG or SVG, drawn by JFreeChart and Batik, which are not among the
 * dependencies that come with this library. Values are in the unit that the axis's label names.
 *
 * <pre>{@code
 * Figure.lines("Memory and depth", "layers", "MB", List.of(new Series("SHARED", layers, megabytes)))
 *         .write(Path.of("memory.svg"), 900, 500);
 * }</pre>
 */
public final class Figure {
    /** The colours of the HTML page's series on white. */
    private static final Color[] COLORS = {
        new Color(0x3b7dd8),
        new Color(0xe08a1e),
        new Color(0x1f9d78),
        new Color(0xc8518f),
        new Color(0x7a5cc7),
        new Color(0x49b3dc),
        new Color(0xb3432f),
        new Color(0x8a9a24),
        new Color(0x7c8694)
    };

    private static final Color TEXT = new Color(0x1c2430);
    private static final Color MUTED = new Color(0x5b6675);
    private static final Color GRID = new Color(0xdde2e8);
    private static final Color HEAT_LOW = new Color(0xf1f5fb);
    private static final Color HEAT_HIGH = new Color(0x12306b);
    private static final Font FONT = new Font(Font.SANS_SERIF, Font.PLAIN, 13);
    private static final int HEAT_STEPS = 64;
    private static final DecimalFormatSymbols ENGLISH =
            DecimalFormatSymbols.getInstance(Locale.ROOT);

    /** Pixels of a PNG for each unit of its size, so that text is sharp on dense screens. */
    private static final int PNG_SCALE = 2;

    private static final int MOST_PIXELS = 8192;

    static {
        OptionalLibrary.read("org.jfree.chart.JFreeChart");
        OptionalLibrary.read("org.apache.batik.svggen.SVGGraphics2D");
    }

    private final JFreeChart chart;

    private Figure(String title, Plot plot, boolean legend) {
        chart = new JFreeChart(title, FONT.deriveFont(Font.BOLD, 16f), plot, legend);
        chart.setBackgroundPaint(Color.WHITE);
        chart.setPadding(new RectangleInsets(12, 12, 8, 16));
        TextTitle heading = chart.getTitle();
        heading.setPaint(TEXT);
        heading.setHorizontalAlignment(HorizontalAlignment.LEFT);
        heading.setPadding(0, 4, 10, 0);
        plot.setBackgroundPaint(Color.WHITE);
        plot.setOutlineVisible(false);
        plot.setDrawingSupplier(null);
        LegendTitle names = chart.getLegend();
        if (names != null) {
            names.setItemFont(FONT);
            names.setItemPaint(TEXT);
            names.setFrame(BlockBorder.NONE);
            names.setBackgroundPaint(Color.WHITE);
        }
    }

    /**
     * A named sequence of points.
     *
     * @param name as the legend shows it
     * @param x horizontal values, ascending
     * @param y vertical values, as many
     */
    public record Series(String name, double[] x, double[] y) {
        /** Checks that there are as many. */
        public Series {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(x, "x");
            checkLength("y of '" + name + "'", Objects.requireNonNull(y, "y"), x.length);
        }
    }

    /**
     * A rectangle.
     *
     * @param series index of its name and colour
     * @param x0 left edge
     * @param x1 right edge
     * @param y0 lower edge
     * @param y1 upper edge
     */
    public record Box(int series, double x0, double x1, double y0, double y1) {}

    /**
     * {@return lines with a mark at every point}
     *
     * @param title one line above the figure
     * @param xLabel what the horizontal axis counts, with its unit
     * @param yLabel what the vertical axis counts, with its unit
     * @param series one or more, each of its own colour
     */
    public static Figure lines(String title, String xLabel, String yLabel, List<Series> series) {
        checkLabels(title, xLabel, yLabel);
        checkSome("series", series);
        NumberAxis x = numbers(xLabel);
        NumberAxis y = numbers(yLabel);
        // A mark on the axis would be cut in half: the range begins a little before zero then.
        x.setAutoRangeStickyZero(series.stream().noneMatch(s -> hasZero(s.x())));
        y.setAutoRangeStickyZero(series.stream().noneMatch(s -> hasZero(s.y())));
        XYPlot plot =
                plot(x, y, new XYLineAndShapeRenderer(true, series.getFirst().x().length <= 40));
        plot.setDataset(points(series));
        colour(plot, series.size());
        return new Figure(title, plot, true);
    }

    /**
     * {@return lines without marks over the logarithm of what is positive, and marks on them}
     *
     * @param title one line above the figure
     * @param xLabel what the horizontal axis counts, with its unit
     * @param yLabel what the vertical axis counts, with its unit
     * @param series lines, of positive x
     * @param marks points, a colour for each series
     */
    public static Figure linesOverLogarithm(
            String title, String xLabel, String yLabel, List<Series> series, List<Series> marks) {
        checkLabels(title, xLabel, yLabel);
        Objects.requireNonNull(marks, "marks");
        checkSome("series", series);
        LogAxis x = logarithmic(xLabel);
        x.setNumberFormatOverride(new DecimalFormat("0E0", ENGLISH));
        NumberAxis y = numbers(yLabel);
        y.setAutoRangeIncludesZero(false);
        XYPlot plot = plot(x, y, new XYLineAndShapeRenderer(false, true));
        plot.setDataset(points(marks));
        colour(plot, marks.size());
        XYLineAndShapeRenderer lines = new XYLineAndShapeRenderer(true, false);
        for (int s = 0; s < series.size(); s++) {
            lines.setSeriesPaint(s, s == 0 ? TEXT : MUTED);
            lines.setSeriesStroke(s, new BasicStroke(2f));
        }
        plot.setDataset(1, points(series));
        plot.setRenderer(1, lines);
        return new Figure(title, plot, true);
    }

    /**
     * {@return points and the lines that bound them, both axes logarithmic: a roofline}
     *
     * @param title one line above the figure
     * @param xLabel what the horizontal axis counts, with its unit
     * @param yLabel what the vertical axis counts, with its unit
     * @param points marks without lines, a colour for each series
     * @param bounds lines without marks, drawn in grey
     */
    public static Figure logarithmicPoints(
            String title, String xLabel, String yLabel, List<Series> points, List<Series> bounds) {
        checkLabels(title, xLabel, yLabel);
        Objects.requireNonNull(points, "points");
        Objects.requireNonNull(bounds, "bounds");
        XYPlot plot =
                plot(
                        logarithmic(xLabel),
                        logarithmic(yLabel),
                        new XYLineAndShapeRenderer(false, true));
        plot.setDataset(points(points));
        colour(plot, points.size());
        XYLineAndShapeRenderer lines = new XYLineAndShapeRenderer(true, false);
        for (int s = 0; s < bounds.size(); s++) {
            lines.setSeriesPaint(s, s == 0 ? TEXT : MUTED);
            lines.setSeriesStroke(
                    s, new BasicStroke(2f, 0, 0, 10f, s == 0 ? null : new float[] {6, 4}, 0));
        }
        plot.setDataset(1, points(bounds));
        plot.setRenderer(1, lines);
        return new Figure(title, plot, true);
    }

    /**
     * {@return quantities that add up, each constant from one x to the next}
     *
     * @param title one line above the figure
     * @param xLabel what the horizontal axis counts, with its unit
     * @param yLabel what the vertical axis counts, with its unit
     * @param x where each step begins; the last one is as wide as the one before
     * @param series name and values of each quantity, from the bottom
     */
    public static Figure areas(
            String title, String xLabel, String yLabel, double[] x, Map<String, double[]> series) {
        checkLabels(title, xLabel, yLabel);
        Objects.requireNonNull(x, "x");
        Objects.requireNonNull(series, "series");
        series.forEach((name, y) -> checkLength("y of '" + name + "'", y, x.length));
        DefaultTableXYDataset data = new DefaultTableXYDataset();
        series.forEach(
                (name, y) -> {
                    XYSeries steps = new XYSeries(name, false, false);
                    for (int i = 0; i < x.length; i++) {
                        double end =
                                i + 1 < x.length ? x[i + 1] : x[i] + (i > 0 ? x[i] - x[i - 1] : 1);
                        steps.add(x[i], y[i]);
                        // A table cannot have two values at one x: a step is a very steep slope.
                        steps.add(end - 1e-3 * (end - x[i]), y[i]);
                    }
                    data.addSeries(steps);
                });
        XYPlot plot = plot(numbers(xLabel), numbers(yLabel), new StackedXYAreaRenderer2());
        plot.setDataset(data);
        colour(plot, series.size());
        plot.getDomainAxis().setLowerMargin(0);
        plot.getDomainAxis().setUpperMargin(0);
        return new Figure(title, plot, true);
    }

    /**
     * {@return groups of bars}
     *
     * @param title one line above the figure
     * @param yLabel what the vertical axis counts, with its unit
     * @param groups name of each group, from left to right
     * @param series name and values of each bar of a group
     * @param stacked on top of each other instead of side by side
     */
    public static Figure bars(
            String title,
            String yLabel,
            List<String> groups,
            Map<String, double[]> series,
            boolean stacked) {
        checkLabels(title, "", yLabel);
        Objects.requireNonNull(groups, "groups");
        Objects.requireNonNull(series, "series");
        series.forEach((name, y) -> checkLength("values of '" + name + "'", y, groups.size()));
        DefaultCategoryDataset data = new DefaultCategoryDataset();
        series.forEach(
                (name, values) -> {
                    for (int g = 0; g < groups.size(); g++) {
                        data.addValue(values[g], name, groups.get(g));
                    }
                });
        BarRenderer renderer = stacked ? new StackedBarRenderer() : new BarRenderer();
        renderer.setBarPainter(new StandardBarPainter());
        renderer.setShadowVisible(false);
        renderer.setItemMargin(0.05);
        renderer.setMaximumBarWidth(0.12);
        for (int s = 0; s < series.size(); s++) {
            renderer.setSeriesPaint(s, COLORS[s % COLORS.length]);
        }
        CategoryAxis names = new CategoryAxis();
        names.setTickLabelFont(FONT);
        names.setTickLabelPaint(TEXT);
        names.setAxisLinePaint(GRID);
        CategoryPlot plot = new CategoryPlot(data, names, numbers(yLabel), renderer);
        plot.setRangeGridlinePaint(GRID);
        plot.setRangeGridlineStroke(new BasicStroke(1));
        return new Figure(title, plot, series.size() > 1);
    }

    /**
     * {@return rectangles by two axes}
     *
     * @param title one line above the figure
     * @param xLabel what the horizontal axis counts, with its unit
     * @param yLabel what the vertical axis counts, with its unit
     * @param names of the boxes' series
     * @param boxes drawn in this order
     */
    public static Figure boxes(
            String title, String xLabel, String yLabel, List<String> names, List<Box> boxes) {
        checkLabels(title, xLabel, yLabel);
        Objects.requireNonNull(names, "names");
        Objects.requireNonNull(boxes, "boxes");
        XYIntervalSeriesCollection data = new XYIntervalSeriesCollection();
        for (int s = 0; s < names.size(); s++) {
            XYIntervalSeries series = new XYIntervalSeries(names.get(s), false, true);
            for (Box b : boxes) {
                if (b.series() == s) {
                    series.add(b.x0(), b.x0(), b.x1(), b.y1(), b.y0(), b.y1());
                }
            }
            data.addSeries(series);
        }
        XYBarRenderer renderer = new XYBarRenderer();
        renderer.setUseYInterval(true);
        renderer.setBarPainter(new StandardXYBarPainter());
        renderer.setShadowVisible(false);
        renderer.setDrawBarOutline(true);
        XYPlot plot = plot(numbers(xLabel), numbers(yLabel), renderer);
        plot.setDataset(data);
        colour(plot, names.size());
        for (int s = 0; s < names.size(); s++) {
            renderer.setSeriesOutlinePaint(s, Color.WHITE);
            renderer.setSeriesOutlineStroke(s, new BasicStroke(0.4f));
        }
        plot.getDomainAxis().setLowerMargin(0);
        plot.getDomainAxis().setUpperMargin(0);
        plot.getRangeAxis().setUpperMargin(0);
        return new Figure(title, plot, true);
    }

    /**
     * {@return a matrix of values as colours, its first row on top}
     *
     * @param title one line above the figure
     * @param xLabel what the horizontal axis counts, with its unit
     * @param yLabel what the vertical axis counts, with its unit
     * @param columns name of each column
     * @param rows name of each row
     * @param values [rows][columns], NaN for none
     */
    public static Figure heatMap(
            String title,
            String xLabel,
            String yLabel,
            List<String> columns,
            List<String> rows,
            double[][] values) {
        checkLabels(title, xLabel, yLabel);
        checkCells(columns, rows, values);
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        for (double[] row : values) {
            for (double value : row) {
                if (Double.isFinite(value)) {
                    low = Math.min(low, value);
                    high = Math.max(high, value);
                }
            }
        }
        if (!(low < high)) {
            low = Double.isFinite(low) ? low : 0;
            high = low + 1;
        }
        return heatMap(title, xLabel, yLabel, columns, rows, values, low, high);
    }

    /**
     * {@return the same with colours for a range of one's own, so that several maps compare}
     *
     * @param title one line above the figure
     * @param xLabel what the horizontal axis counts, with its unit
     * @param yLabel what the vertical axis counts, with its unit
     * @param columns name of each column
     * @param rows name of each row
     * @param values [rows][columns], NaN for none
     * @param low value of the palest colour
     * @param high value of the strongest colour, above {@code low}
     */
    public static Figure heatMap(
            String title,
            String xLabel,
            String yLabel,
            List<String> columns,
            List<String> rows,
            double[][] values,
            double low,
            double high) {
        checkLabels(title, xLabel, yLabel);
        checkCells(columns, rows, values);
        if (!(low < high) || !Double.isFinite(high - low)) {
            throw new IllegalArgumentException(
                    "colours from " + low + " to " + high + ": use finite numbers that rise");
        }
        // Cells without a value are left out: in the scale's palest colour they would be values.
        int count = 0;
        double[][] cells = new double[3][rows.size() * columns.size()];
        for (int r = 0; r < rows.size(); r++) {
            for (int c = 0; c < columns.size(); c++) {
                if (Double.isFinite(values[r][c])) {
                    cells[0][count] = c;
                    cells[1][count] = r;
                    cells[2][count++] = values[r][c];
                }
            }
        }
        int present = count;
        LookupPaintScale scale = new LookupPaintScale(low, high, Color.WHITE);
        for (int step = 0; step < HEAT_STEPS; step++) {
            scale.add(low + (high - low) * step / HEAT_STEPS, heat((double) step / HEAT_STEPS));
        }
        XYBlockRenderer renderer = new XYBlockRenderer();
        renderer.setPaintScale(scale);
        NumberAxis down = names(yLabel, rows);
        down.setInverted(true);
        XYPlot plot = plot(names(xLabel, columns), down, renderer);
        DefaultXYZDataset data = new DefaultXYZDataset();
        data.addSeries(
                "values",
                Arrays.stream(cells)
                        .map(axis -> Arrays.copyOf(axis, present))
                        .toArray(double[][]::new));
        plot.setDataset(data);
        plot.setDomainGridlinesVisible(false);
        plot.setRangeGridlinesVisible(false);
        Figure figure = new Figure(title, plot, false);
        PaintScaleLegend legend = new PaintScaleLegend(scale, numbers(""));
        legend.setPosition(RectangleEdge.RIGHT);
        legend.setAxisLocation(AxisLocation.BOTTOM_OR_RIGHT);
        legend.setStripWidth(14);
        legend.setMargin(0, 16, 0, 0);
        legend.setBackgroundPaint(Color.WHITE);
        figure.chart.addSubtitle(legend);
        return figure;
    }

    // ---------------------------------------------------------------- checks

    private static void checkLabels(String title, String xLabel, String yLabel) {
        Objects.requireNonNull(title, "title");
        Objects.requireNonNull(xLabel, "xLabel");
        Objects.requireNonNull(yLabel, "yLabel");
    }

    private static void checkSome(String what, List<?> list) {
        if (Objects.requireNonNull(list, what).isEmpty()) {
            throw new IllegalArgumentException(what + " is empty: give 1 or more");
        }
    }

    private static void checkLength(String what, double[] values, int wanted) {
        if (Objects.requireNonNull(values, what).length != wanted) {
            throw new IllegalArgumentException(
                    what + " has " + values.length + " values: give " + wanted);
        }
    }

    private static void checkCells(List<String> columns, List<String> rows, double[][] values) {
        Objects.requireNonNull(columns, "columns");
        Objects.requireNonNull(rows, "rows");
        Objects.requireNonNull(values, "values");
        checkSome("columns", columns);
        checkSome("rows", rows);
        if (values.length != rows.size()) {
            throw new IllegalArgumentException(
                    "values has " + values.length + " rows: give " + rows.size());
        }
        for (int r = 0; r < values.length; r++) {
            checkLength("row " + r + " of values", values[r], columns.size());
        }
    }

    private static void checkSize(int width, int height) {
        if (width < 1 || height < 1 || width > MOST_PIXELS || height > MOST_PIXELS) {
            throw new IllegalArgumentException(
                    "a figure of " + width + "x" + height + ": use 1 to " + MOST_PIXELS + " each");
        }
    }

    // ---------------------------------------------------------------- parts

    private static XYPlot plot(
            ValueAxis x, ValueAxis y, org.jfree.chart.renderer.xy.XYItemRenderer renderer) {
        XYPlot plot = new XYPlot(null, x, y, renderer);
        plot.setDomainGridlinePaint(GRID);
        plot.setDomainGridlineStroke(new BasicStroke(1));
        plot.setRangeGridlinePaint(GRID);
        plot.setRangeGridlineStroke(new BasicStroke(1));
        return plot;
    }

    private static NumberAxis numbers(String label) {
        NumberAxis axis = new NumberAxis(label);
        axis.setAutoRangeIncludesZero(true);
        axis.setNumberFormatOverride(new DecimalFormat("#,##0.####", ENGLISH));
        return styled(axis);
    }

    private static boolean hasZero(double[] values) {
        return Arrays.stream(values).anyMatch(value -> value == 0);
    }

    private static LogAxis logarithmic(String label) {
        LogAxis axis = new LogAxis(label);
        axis.setNumberFormatOverride(new DecimalFormat("#,##0.####", ENGLISH));
        axis.setTickUnit(new NumberTickUnit(1)); // one for each power of ten
        return styled(axis);
    }

    private static SymbolAxis names(String label, List<String> names) {
        SymbolAxis axis = new SymbolAxis(label, names.toArray(String[]::new));
        axis.setGridBandsVisible(false);
        axis.setRange(-0.5, names.size() - 0.5);
        return styled(axis);
    }

    private static <T extends ValueAxis> T styled(T axis) {
        axis.setLabelFont(FONT);
        axis.setLabelPaint(MUTED);
        axis.setTickLabelFont(FONT.deriveFont(12f));
        axis.setTickLabelPaint(MUTED);
        axis.setAxisLinePaint(GRID);
        axis.setTickMarkPaint(GRID);
        return axis;
    }

    private static XYSeriesCollection points(List<Series> series) {
        XYSeriesCollection data = new XYSeriesCollection();
        for (Series s : series) {
            XYSeries points = new XYSeries(s.name(), false, true);
            for (int i = 0; i < s.x().length; i++) {
                points.add(s.x()[i], s.y()[i]);
            }
            data.addSeries(points);
        }
        return data;
    }

    private static void colour(XYPlot plot, int series) {
        for (int s = 0; s < series; s++) {
            Paint paint = COLORS[s % COLORS.length];
            plot.getRenderer().setSeriesPaint(s, paint);
            plot.getRenderer().setSeriesStroke(s, new BasicStroke(2.2f));
            plot.getRenderer().setSeriesShape(s, new Ellipse2D.Double(-3.5, -3.5, 7, 7));
        }
    }

    private static Color heat(double share) {
        return new Color(
                between(HEAT_LOW.getRed(), HEAT_HIGH.getRed(), share),
                between(HEAT_LOW.getGreen(), HEAT_HIGH.getGreen(), share),
                between(HEAT_LOW.getBlue(), HEAT_HIGH.getBlue(), share));
    }

    private static int between(int low, int high, double share) {
        return (int) Math.round(low + (high - low) * share);
    }

    // ---------------------------------------------------------------- files

    /**
     * Writes the figure as PNG (at twice this size) or SVG, whichever the file's name ends with.
     *
     * @param path ends in {@code .png} or {@code .svg}
     * @param width in pixels of the SVG, half of the PNG's
     * @param height in pixels of the SVG, half of the PNG's
     * @throws IllegalArgumentException when it ends with neither
     * @throws IOException in one line, when the file cannot be written or the system has no fonts
     */
    public void write(Path path, int width, int height) throws IOException {
        Objects.requireNonNull(path, "path");
        AtomicFile.write(path, bytes(path.getFileName().toString(), width, height));
    }

    /**
     * Writes the figure into a folder.
     *
     * @param folder lists what is written
     * @param name ends in {@code .png} or {@code .svg}
     * @param width in pixels of the SVG, half of the PNG's
     * @param height in pixels of the SVG, half of the PNG's
     * @return its path
     * @throws IOException as {@link #write(Path, int, int)}
     */
    public Path write(OutputFolder folder, String name, int width, int height) throws IOException {
        Objects.requireNonNull(folder, "folder");
        return folder.write(name, bytes(name, width, height));
    }

    /**
     * Writes the figure into a folder, as {@code name.png} and as {@code name.svg}.
     *
     * @param folder lists what is written
     * @param name without an ending
     * @param width in pixels of the SVG, half of the PNG's
     * @param height in pixels of the SVG, half of the PNG's
     * @throws IOException as {@link #write(Path, int, int)}
     */
    public void writeBoth(OutputFolder folder, String name, int width, int height)
            throws IOException {
        Objects.requireNonNull(name, "name");
        write(folder, name + ".png", width, height);
        write(folder, name + ".svg", width, height);
    }

    private byte[] bytes(String name, int width, int height) throws IOException {
        Objects.requireNonNull(name, "name");
        checkSize(width, height);
        try {
            if (name.endsWith(".png")) {
                return png(width, height);
            } else if (name.endsWith(".svg")) {
                return svg(width, height);
            }
            throw new IllegalArgumentException(name + ": name a .png or an .svg file");
        } catch (LinkageError | InternalError e) {
            // Java draws text through fontconfig on Linux and fails in this way without it.
            throw new IOException(
                    "cannot draw "
                            + name
                            + ": Java finds no fonts; install fontconfig and a font, for example"
                            + " apt-get install fontconfig fonts-dejavu-core",
                    e);
        }
    }

    private byte[] png(int width, int height) throws IOException {
        BufferedImage image =
                new BufferedImage(
                        PNG_SCALE * width, PNG_SCALE * height, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        graphics.setRenderingHint(
                RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        graphics.scale(PNG_SCALE, PNG_SCALE);
        draw(graphics, width, height);
        graphics.dispose();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(image, "png", bytes);
        return bytes.toByteArray();
    }

    private byte[] svg(int width, int height) throws IOException {
        Document document;
        try {
            document =
                    DocumentBuilderFactory.newInstance()
                            .newDocumentBuilder()
                            .getDOMImplementation()
                            .createDocument("http://www.w3.org/2000/svg", "svg", null);
        } catch (ParserConfigurationException e) {
            throw new IllegalStateException(e);
        }
        SVGGraphics2D graphics = new SVGGraphics2D(document);
        graphics.setSVGCanvasSize(new Dimension(width, height));
        draw(graphics, width, height);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (Writer writer = new OutputStreamWriter(bytes, StandardCharsets.UTF_8)) {
            graphics.stream(writer, true);
        }
        return bytes.toByteArray();
    }

    private void draw(Graphics2D graphics, int width, int height) {
        chart.draw(graphics, new Rectangle2D.Double(0, 0, width, height));
    }
}
