package org.densenet4j.cli;

import org.densenet4j.detection.DetectionScores;
import org.densenet4j.inference.DetectionEvaluation;
import org.densenet4j.io.OneLine;
import org.densenet4j.report.Json;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** How well objects are found, for readers and for programs. */
final class DetectionReport {
    private DetectionReport() {}

    /** As text, a line for each class. */
    static String table(DetectionEvaluation e, String sets) {
        DetectionScores s = e.scores();
        StringBuilder text = new StringBuilder();
        text.append(
                String.format(
                        Locale.ROOT,
                        "%,d images of %s%nloss            %.4f%n%nmean average precision%n"
                                + "  COCO          %s   (overlaps 0.50 to 0.95)%n"
                                + "  AP50          %s%n  AP75          %s%n"
                                + "  small         %s   (objects up to 32x32 pixels)%n"
                                + "  medium        %s%n  large         %s   (from 96x96)%n"
                                + "  VOC           %s   (2010 and later)%n"
                                + "  VOC2007       %s   (11 recalls)%n%n",
                        s.images(),
                        OneLine.of(sets),
                        e.loss(),
                        number(s.coco()),
                        number(s.coco50()),
                        number(s.coco75()),
                        number(s.small()),
                        number(s.medium()),
                        number(s.large()),
                        number(s.voc()),
                        number(s.voc2007())));
        text.append(
                String.format(
                        Locale.ROOT,
                        "%-20s %7s %7s %7s %7s %7s %8s %8s%n",
                        "class",
                        "COCO",
                        "AP50",
                        "AP75",
                        "VOC",
                        "VOC2007",
                        "objects",
                        "found"));
        for (int c = 0; c < s.classes().size(); c++) {
            DetectionScores.OfClass of = s.classes().get(c);
            text.append(
                    String.format(
                            Locale.ROOT,
                            "%-20s %7s %7s %7s %7s %7s %,8d %,8d%n",
                            OneLine.of(e.classNames().get(c)),
                            number(of.coco()),
                            number(of.coco50()),
                            number(of.coco75()),
                            number(of.voc()),
                            number(of.voc2007()),
                            of.objects(),
                            of.found()));
        }
        return text.toString();
    }

    private static String number(double score) {
        return Double.isNaN(score) ? "–" : String.format(Locale.ROOT, "%.4f", score);
    }

    /** As JSON. */
    static String json(DetectionEvaluation e, String sets) {
        DetectionScores s = e.scores();
        List<Map<String, Object>> classes = new ArrayList<>();
        for (int c = 0; c < s.classes().size(); c++) {
            DetectionScores.OfClass of = s.classes().get(c);
            classes.add(
                    Json.object(
                            "class", e.classNames().get(c),
                            "ap", of.coco(),
                            "ap50", of.coco50(),
                            "ap75", of.coco75(),
                            "voc", of.voc(),
                            "voc2007", of.voc2007(),
                            "objects", of.objects(),
                            "found", of.found()));
        }
        return Json.pretty(
                Json.object(
                        "sets", sets,
                        "images", s.images(),
                        "loss", e.loss(),
                        "ap", s.coco(),
                        "ap50", s.coco50(),
                        "ap75", s.coco75(),
                        "ap_small", s.small(),
                        "ap_medium", s.medium(),
                        "ap_large", s.large(),
                        "voc", s.voc(),
                        "voc2007", s.voc2007(),
                        "classes", classes));
    }
}
