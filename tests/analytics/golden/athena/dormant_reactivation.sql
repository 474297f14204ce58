SELECT
  'dormant_reactivation' AS "detector",
  1 AS "version",
  "t18"."subject",
  "t18"."window_start_us",
  "t18"."window_start_us" + 86400000000 AS "window_end_us",
  "t18"."from_us",
  "t18"."to_us",
  "t18"."payments",
  "t18"."amount",
  "t18"."score"
FROM (
  SELECT
    "t17"."subject",
    "t17"."to_us" - (
      "t17"."to_us" % 86400000000
    ) AS "window_start_us",
    MIN("t17"."from_us") AS "from_us",
    MAX("t17"."to_us") AS "to_us",
    MAX("t17"."payments") AS "payments",
    MAX("t17"."amount") AS "amount",
    MAX("t17"."score") AS "score"
  FROM (
    SELECT
      "t16"."subject",
      "t16"."us" - 86400000000 AS "from_us",
      "t16"."us" AS "to_us",
      "t16"."payments",
      "t16"."total" AS "amount",
      CAST(FLOOR(
        CAST((
          (
            "t16"."total" * 100
          ) - (
            (
              "t16"."total" * 100
            ) % 100000
          )
        ) AS DOUBLE) / (
          100000
        )
      ) AS BIGINT) AS "score"
    FROM (
      SELECT
        "t15"."subject",
        "t15"."tx_id",
        "t15"."us",
        "t15"."amount",
        "t15"."opened_us",
        "t15"."woke_us",
        SUM("t15"."amount") OVER (
          PARTITION BY "t15"."subject"
          ORDER BY "t15"."us" ASC
          RANGE BETWEEN 86400000000 preceding AND CURRENT ROW
        ) AS "total",
        COUNT(*) OVER (
          PARTITION BY "t15"."subject"
          ORDER BY "t15"."us" ASC
          RANGE BETWEEN 86400000000 preceding AND CURRENT ROW
        ) AS "payments",
        MAX("t15"."woke_us") OVER (
          PARTITION BY "t15"."subject"
          ORDER BY "t15"."us" ASC
          RANGE BETWEEN 86400000000 preceding AND CURRENT ROW
        ) AS "woke"
      FROM (
        SELECT
          "t14"."subject",
          "t14"."tx_id",
          "t14"."us",
          "t14"."amount",
          "t14"."opened_us",
          CASE
            WHEN (
              "t14"."us" - COALESCE(
                LAG("t14"."us") OVER (PARTITION BY "t14"."subject" ORDER BY "t14"."us" ASC, "t14"."tx_id" ASC),
                "t14"."opened_us"
              )
            ) >= 5184000000000
            THEN "t14"."us"
            ELSE 0
          END AS "woke_us"
        FROM (
          SELECT
            "t13"."subject",
            "t13"."tx_id",
            "t13"."us",
            "t13"."amount",
            "t13"."opened_us"
          FROM (
            SELECT
              "t12"."subject",
              "t12"."tx_id",
              "t12"."us",
              "t12"."amount",
              "t2"."account",
              "t2"."opened_us"
            FROM (
              SELECT
                "t10"."sender" AS "subject",
                "t10"."tx_id",
                "t10"."us",
                "t10"."amount"
              FROM (
                SELECT
                  "t9"."tx_id",
                  "t9"."us",
                  "t9"."kind",
                  "t9"."sender",
                  "t9"."recipient",
                  "t9"."amount",
                  "t9"."device"
                FROM (
                  SELECT
                    "t5"."tx_id",
                    "t5"."us",
                    "t5"."kind",
                    "t5"."sender",
                    "t5"."recipient",
                    "t5"."amount",
                    "t5"."device",
                    "t8"."subject"
                  FROM (
                    SELECT
                      "t3"."tx_id",
                      "t3"."us",
                      "t3"."kind",
                      "t3"."sender",
                      "t3"."recipient",
                      "t3"."amount",
                      "t3"."device"
                    FROM (
                      SELECT
                        *
                      FROM "payments" AS "t1"
                      WHERE
                        "t1"."verdict" IN ('allow', 'review')
                    ) AS "t3"
                  ) AS "t5"
                  INNER JOIN (
                    SELECT DISTINCT
                      "t6"."subject"
                    FROM (
                      SELECT
                        "t4"."sender" AS "subject",
                        "t4"."us" - (
                          "t4"."us" % 86400000000
                        ) AS "bucket",
                        COUNT(*) AS "n",
                        SUM("t4"."amount") AS "total"
                      FROM (
                        SELECT
                          "t3"."tx_id",
                          "t3"."us",
                          "t3"."kind",
                          "t3"."sender",
                          "t3"."recipient",
                          "t3"."amount",
                          "t3"."device"
                        FROM (
                          SELECT
                            *
                          FROM "payments" AS "t1"
                          WHERE
                            "t1"."verdict" IN ('allow', 'review')
                        ) AS "t3"
                      ) AS "t4"
                      GROUP BY
                        1,
                        2
                    ) AS "t6"
                    WHERE
                      (
                        (
                          "t6"."n" >= 10
                        ) OR (
                          "t6"."total" >= 50000
                        )
                      )
                      AND "t6"."total" >= 50000
                  ) AS "t8"
                    ON "t5"."sender" = "t8"."subject"
                ) AS "t9"
              ) AS "t10"
            ) AS "t12"
            INNER JOIN "accounts" AS "t2"
              ON "t12"."subject" = "t2"."account"
          ) AS "t13"
        ) AS "t14"
      ) AS "t15"
    ) AS "t16"
    WHERE
      "t16"."woke" > 0 AND "t16"."total" >= 100000 AND "t16"."us" >= 0
  ) AS "t17"
  GROUP BY
    1,
    2
) AS "t18"
