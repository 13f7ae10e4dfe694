// Package api imports the API versions of Azure Service Operator that charts/azure-platform uses.
// Command aso generates CustomResourceDefinitions for them.
package api

import (
	_ "github.com/Azure/azure-service-operator/v2/api/alertsmanagement/v20230301"
	_ "github.com/Azure/azure-service-operator/v2/api/authorization/v1api20220401"
	_ "github.com/Azure/azure-service-operator/v2/api/cache/v1api20241101"
	_ "github.com/Azure/azure-service-operator/v2/api/cache/v1api20250401"
	_ "github.com/Azure/azure-service-operator/v2/api/cache/v20250401"
	_ "github.com/Azure/azure-service-operator/v2/api/cdn/v1api20230501"
	_ "github.com/Azure/azure-service-operator/v2/api/containerregistry/v1api20230701"
	_ "github.com/Azure/azure-service-operator/v2/api/containerservice/v1api20250801"
	_ "github.com/Azure/azure-service-operator/v2/api/dataprotection/v1api20231101"
	_ "github.com/Azure/azure-service-operator/v2/api/dbforpostgresql/v1"
	_ "github.com/Azure/azure-service-operator/v2/api/dbforpostgresql/v20250801"
	_ "github.com/Azure/azure-service-operator/v2/api/insights/v1api20200202"
	_ "github.com/Azure/azure-service-operator/v2/api/insights/v1api20210501preview"
	_ "github.com/Azure/azure-service-operator/v2/api/insights/v1api20230101"
	_ "github.com/Azure/azure-service-operator/v2/api/insights/v1api20230601"
	_ "github.com/Azure/azure-service-operator/v2/api/insights/v1api20240311"
	_ "github.com/Azure/azure-service-operator/v2/api/keyvault/v1api20230701"
	_ "github.com/Azure/azure-service-operator/v2/api/managedidentity/v1api20230131"
	_ "github.com/Azure/azure-service-operator/v2/api/monitor/v1api20230403"
	_ "github.com/Azure/azure-service-operator/v2/api/network.frontdoor/v1api20220501"
	_ "github.com/Azure/azure-service-operator/v2/api/network/v1api20220701"
	_ "github.com/Azure/azure-service-operator/v2/api/network/v1api20240101"
	_ "github.com/Azure/azure-service-operator/v2/api/network/v1api20240601"
	_ "github.com/Azure/azure-service-operator/v2/api/network/v20250301"
	_ "github.com/Azure/azure-service-operator/v2/api/operationalinsights/v20250701"
	_ "github.com/Azure/azure-service-operator/v2/api/resources/v1api20200601"
	_ "github.com/Azure/azure-service-operator/v2/api/storage/v20250601"
)
