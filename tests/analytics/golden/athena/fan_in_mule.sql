WITH "t4" AS (
  SELECT
    *
  FROM (
    SELECT
      "t1"."tx_id",
      "t1"."us",
      "t1"."kind",
      "t1"."sender",
      "t1"."recipient",
      "t1"."amount",
      "t1"."device"
    FROM (
      SELECT
        *
      FROM "payments" AS "t0"
      WHERE
        "t0"."verdict" IN ('allow', 'review')
    ) AS "t1"
  ) AS "t2"
  WHERE
    "t2"."kind" = 'payment'
)
SELECT
  'fan_in_mule' AS "detector",
  1 AS "version",
  "t20"."subject",
  "t20"."window_start_us",
  "t20"."window_start_us" + 86400000000 AS "window_end_us",
  "t20"."from_us",
  "t20"."to_us",
  "t20"."payments",
  "t20"."amount",
  "t20"."score"
FROM (
  SELECT
    "t19"."subject",
    "t19"."to_us" - (
      "t19"."to_us" % 86400000000
    ) AS "window_start_us",
    MIN("t19"."from_us") AS "from_us",
    MAX("t19"."to_us") AS "to_us",
    MAX("t19"."payments") AS "payments",
    MAX("t19"."amount") AS "amount",
    MAX("t19"."score") AS "score"
  FROM (
    SELECT
      "t18"."subject",
      "t18"."us" - 172800000000 AS "from_us",
      "t18"."us" AS "to_us",
      "t18"."payments",
      "t18"."received" AS "amount",
      CAST(FLOOR(
        CAST((
          (
            "t18"."senders" * 100
          ) - (
            (
              "t18"."senders" * 100
            ) % 10
          )
        ) AS DOUBLE) / (
          10
        )
      ) AS BIGINT) AS "score"
    FROM (
      SELECT
        "t17"."subject",
        "t17"."tx_id",
        "t17"."us",
        "t17"."amount",
        "t17"."new",
        "t17"."came",
        "t17"."went",
        SUM("t17"."new") OVER (
          PARTITION BY "t17"."subject"
          ORDER BY "t17"."us" ASC
          RANGE BETWEEN 172800000000 preceding AND CURRENT ROW
        ) AS "senders",
        SUM("t17"."came") OVER (
          PARTITION BY "t17"."subject"
          ORDER BY "t17"."us" ASC
          RANGE BETWEEN 172800000000 preceding AND CURRENT ROW
        ) AS "received",
        SUM("t17"."went") OVER (
          PARTITION BY "t17"."subject"
          ORDER BY "t17"."us" ASC
          RANGE BETWEEN 172800000000 preceding AND CURRENT ROW
        ) AS "passed",
        COUNT(*) OVER (
          PARTITION BY "t17"."subject"
          ORDER BY "t17"."us" ASC
          RANGE BETWEEN 172800000000 preceding AND CURRENT ROW
        ) AS "payments"
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t15"."subject",
            "t15"."tx_id",
            "t15"."us",
            "t15"."amount",
            "t15"."new",
            "t15"."amount" AS "came",
            0 AS "went"
          FROM (
            SELECT
              "t14"."subject",
              "t14"."tx_id",
              "t14"."us",
              "t14"."amount",
              "t14"."new"
            FROM (
              SELECT
                "t11"."subject",
                "t11"."tx_id",
                "t11"."us",
                "t11"."amount",
                "t11"."other",
                CASE
                  WHEN (
                    LAG("t11"."us") OVER (
                      PARTITION BY "t11"."subject", "t11"."other"
                      ORDER BY "t11"."us" ASC, "t11"."tx_id" ASC
                    ) IS NULL
                  )
                  OR (
                    (
                      "t11"."us" - LAG("t11"."us") OVER (
                        PARTITION BY "t11"."subject", "t11"."other"
                        ORDER BY "t11"."us" ASC, "t11"."tx_id" ASC
                      )
                    ) > 172800000000
                  )
                  THEN 1
                  ELSE 0
                END AS "new"
              FROM (
                SELECT
                  "t9"."subject",
                  "t6"."tx_id",
                  "t6"."us",
                  "t6"."amount",
                  "t6"."sender" AS "other"
                FROM "t4" AS "t6"
                INNER JOIN (
                  SELECT DISTINCT
                    "t7"."subject"
                  FROM (
                    SELECT
                      "t5"."recipient" AS "subject",
                      "t5"."us" - (
                        "t5"."us" % 172800000000
                      ) AS "bucket",
                      COUNT(*) AS "n",
                      SUM("t5"."amount") AS "total"
                    FROM "t4" AS "t5"
                    GROUP BY
                      1,
                      2
                  ) AS "t7"
                  WHERE
                    "t7"."n" >= 5
                ) AS "t9"
                  ON "t6"."recipient" = "t9"."subject"
              ) AS "t11"
            ) AS "t14"
          ) AS "t15"
        ) AS "t16"
        UNION ALL
        SELECT
          *
        FROM (
          SELECT
            "t12"."sender" AS "subject",
            "t12"."tx_id",
            "t12"."us",
            "t12"."amount",
            0 AS "new",
            0 AS "came",
            "t12"."amount" AS "went"
          FROM (
            SELECT
              "t10"."tx_id",
              "t10"."us",
              "t10"."kind",
              "t10"."sender",
              "t10"."recipient",
              "t10"."amount",
              "t10"."device"
            FROM (
              SELECT
                "t3"."tx_id",
                "t3"."us",
                "t3"."kind",
                "t3"."sender",
                "t3"."recipient",
                "t3"."amount",
                "t3"."device",
                "t9"."subject"
              FROM (
                SELECT
                  "t1"."tx_id",
                  "t1"."us",
                  "t1"."kind",
                  "t1"."sender",
                  "t1"."recipient",
                  "t1"."amount",
                  "t1"."device"
                FROM (
                  SELECT
                    *
                  FROM "payments" AS "t0"
                  WHERE
                    "t0"."verdict" IN ('allow', 'review')
                ) AS "t1"
              ) AS "t3"
              INNER JOIN (
                SELECT DISTINCT
                  "t7"."subject"
                FROM (
                  SELECT
                    "t5"."recipient" AS "subject",
                    "t5"."us" - (
                      "t5"."us" % 172800000000
                    ) AS "bucket",
                    COUNT(*) AS "n",
                    SUM("t5"."amount") AS "total"
                  FROM "t4" AS "t5"
                  GROUP BY
                    1,
                    2
                ) AS "t7"
                WHERE
                  "t7"."n" >= 5
              ) AS "t9"
                ON "t3"."sender" = "t9"."subject"
            ) AS "t10"
          ) AS "t12"
        ) AS "t13"
      ) AS "t17"
    ) AS "t18"
    WHERE
      "t18"."went" > 0
      AND "t18"."senders" >= 10
      AND "t18"."received" >= 50000
      AND (
        "t18"."passed" * 100
      ) >= (
        "t18"."received" * 80
      )
      AND "t18"."us" >= 0
  ) AS "t19"
  GROUP BY
    1,
    2
) AS "t20"
