package org.densenet4j.profile;

import static org.densenet4j.report.Json.object;

import org.densenet4j.plan.Category;

import java.util.List;
import java.util.Map;

/** ECharts options that the reports have in common. */
final class Charts {
    private Charts() {}

    /** Room for axis labels; the legend is on top. */
    static Map<String, Object> grid() {
        return object("left", 12, "right", 16, "top", 44, "bottom", 28, "containLabel", true);
    }

    static Map<String, Object> legend() {
        return object("type", "scroll", "top", 0, "left", 0, "itemWidth", 14, "itemHeight", 10);
    }

    static Map<String, Object> legend(List<String> names) {
        Map<String, Object> legend = legend();
        legend.put("data", names);
        return legend;
    }

    static Map<String, Object> axisTooltip(String format) {
        return object("trigger", "axis", "valueFormatter", format);
    }

    static Map<String, Object> itemTooltip() {
        return object("trigger", "item", "formatter", "format:name");
    }

    static Map<String, Object> valueAxis(String name, String format) {
        return object(
                "type",
                "value",
                "name",
                name,
                "nameLocation",
                "middle",
                "nameGap",
                30,
                "axisLabel",
                object("formatter", format));
    }

    /** A vertical axis, whose labels say what it shows. */
    static Map<String, Object> verticalAxis(String format) {
        return object("type", "value", "axisLabel", object("formatter", format));
    }

    static Map<String, Object> categoryAxis(List<String> names) {
        return object("type", "category", "data", names);
    }

    /** A slider below the chart that zooms into its horizontal axis. */
    static List<Object> zoom() {
        return List.of(
                object(
                        "type",
                        "slider",
                        "height",
                        18,
                        "bottom",
                        4,
                        "showDetail",
                        false,
                        "brushSelect",
                        false));
    }

    static Map<String, Object> line(String name, Object data) {
        return object("name", name, "type", "line", "data", data);
    }

    static Map<String, Object> bar(String name, Object data) {
        return object("name", name, "type", "bar", "data", data, "barMaxWidth", 48);
    }

    static Map<String, Object> colour(Category category) {
        return object("color", "palette:" + category.ordinal());
    }
}
